"""Low-rank factors: one layer becomes two thinner ones where that saves weights."""

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.base.errors import RecipeError
from bedside.compress.recipe import Recipe, Workbench
from bedside.compress.recovering import recovered

if TYPE_CHECKING:
    from torch import nn


OVERHEAD = 1024
"""Weights that a layer must lose at least: a further layer's records and scales take about a KiB of an int8 file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LowRank:
    """Replace convolutions and linear layers by two factors of their singular value decomposition, then recover.

    Pointwise and linear layers become ``in -> rank -> out`` (Denton et al., NeurIPS 2014); a ``k x k`` convolution
    becomes ``k x 1`` and ``1 x k`` (Jaderberg et al., BMVC 2014; Tai et al., ICLR 2016). Grouped, dilated and padded
    "same" convolutions stay, and so does every layer that two factors would not make smaller.

    Parameters
    ----------
    energy_frac
        Each layer keeps the fewest singular values whose squares add up to this share of all.
    rank_frac
        Each layer keeps this share of its rank; one of the two is given.
    recovery_frac
        Epochs of recovery as a share of the recipe's.
    learning_rate_frac
        Highest learning rate of it as a share of the recipe's.
    """

    energy_frac: float | None = None
    rank_frac: float | None = None
    recovery_frac: float = 0.25
    learning_rate_frac: float = 0.3

    def __post_init__(self) -> None:
        given = [value for value in (self.energy_frac, self.rank_frac) if value is not None]
        if len(given) != 1 or not 0 < given[0] < 1:
            raise RecipeError(
                f"low rank with energy_frac {self.energy_frac} and rank_frac {self.rank_frac}",
                expected="one of the two, above 0 and below 1", hint="such as energy_frac: 0.9",
            )  # fmt: skip
        if self.recovery_frac < 0 or self.learning_rate_frac <= 0:
            raise RecipeError(
                f"recovery for {self.recovery_frac:g} of the epochs at {self.learning_rate_frac:g} of the rate",
                expected="epochs of 0 or more, a rate above 0", hint="leave them out for their defaults",
            )  # fmt: skip

    def __call__(self, model: "nn.Module", recipe: Recipe, bench: Workbench) -> "nn.Module":
        """Return a factored and recovered copy; `model` itself is never touched.

        Raises
        ------
        RecipeError
            If no layer would become smaller.
        """
        from bedside.compress.factors import factor

        factored = deepcopy(model).requires_grad_(True)
        if not factor(factored, energy_frac=self.energy_frac, rank_frac=self.rank_frac, overhead=OVERHEAD):
            raise RecipeError(
                "no layer would be smaller as two factors", expected="weights of low rank",
                hint="lower energy_frac or rank_frac, or leave the step out",
            )  # fmt: skip
        n_epochs = round(self.recovery_frac * recipe.plan.n_epochs)
        if self.recovery_frac > 0:
            factored = recovered(
                factored, recipe, bench, name="low-rank", n_epochs=max(1, n_epochs), rate_frac=self.learning_rate_frac
            )
        return factored.eval()
