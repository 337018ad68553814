"""Weight clustering: each layer's weights take few values, so that a file needs few bits for each."""

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.base.errors import RecipeError
from bedside.compress.recipe import Recipe, Workbench
from bedside.compress.recovering import recovered

if TYPE_CHECKING:
    from torch import nn

MOST_CENTROIDS = 256
"""Above it an index takes more than the eight bits of an ordinary int8 weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Group each layer's weights by k-means and fine-tune the centroids (Deep Compression: Han et al., ICLR 2016).

    Parameters
    ----------
    n_centroids
        Values of a layer, an even number: magnitudes with both signs, in units of each output channel's largest weight,
        which is what int8 codes count in; see `bedside.compress.codebooks`.
    epochs_frac
        Epochs of fine-tuning as a share of the recipe's: centroids, norms and biases learn, assignments stay.
    learning_rate_frac
        Highest learning rate of it as a share of the recipe's.
    """

    n_centroids: int = 16
    epochs_frac: float = 0.1
    learning_rate_frac: float = 0.1

    def __post_init__(self) -> None:
        if not 2 <= self.n_centroids <= MOST_CENTROIDS or self.n_centroids % 2:
            raise RecipeError(
                f"clustering to {self.n_centroids} values", expected=f"an even number from 2 to {MOST_CENTROIDS}",
                hint="16 fit into four bits",
            )  # fmt: skip
        if self.epochs_frac < 0 or self.learning_rate_frac <= 0:
            raise RecipeError(
                f"fine-tuning for {self.epochs_frac:g} of the epochs at {self.learning_rate_frac:g} of the rate",
                expected="epochs of 0 or more, a rate above 0", hint="leave them out for their defaults",
            )  # fmt: skip

    def __call__(self, model: "nn.Module", recipe: Recipe, bench: Workbench) -> "nn.Module":
        """Return a clustered copy; `model` itself is never touched."""
        from bedside.compress.codebooks import bind, unbind

        clustered = deepcopy(model).requires_grad_(True)
        if not bind(clustered, self.n_centroids):
            raise RecipeError(
                f"no layer has {self.n_centroids} weights in each output channel", expected="fewer values than weights",
                hint="take fewer centroids, or leave the step out",
            )  # fmt: skip
        n_epochs = round(self.epochs_frac * recipe.plan.n_epochs)
        if self.epochs_frac > 0:
            clustered = recovered(
                clustered, recipe, bench, name="cluster", n_epochs=max(1, n_epochs), rate_frac=self.learning_rate_frac
            )
        return unbind(clustered).eval()
