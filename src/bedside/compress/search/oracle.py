"""Who says how good a candidate would be: the port, and the plain answer, a short fit of each candidate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from bedside.base.digest import Digest, digest_value
from bedside.base.errors import InputError
from bedside.compress.recipe import Recipe, Workbench
from bedside.compress.search.scoring import score_of
from bedside.compress.steps import step_of
from bedside.train.architecture import build

if TYPE_CHECKING:
    from bedside.train.fitting import Monitor, TrainingData


class QualityOracle(Protocol):
    """Gives the tuning score of a candidate; higher is better. The test part is never seen."""

    def digest(self) -> Digest:
        """Digest of all that an answer depends on beside the recipe: answers are kept under it."""
        ...

    def quality(self, recipe: Recipe, *, rounded: bool = False) -> float:
        """Score one candidate; `rounded` as its int8 file would answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortFit:
    """Fits each candidate for a few epochs and scores it.

    Parameters
    ----------
    data
        By the side of the input in pixels, the same cases at each.
    n_epochs
        Epochs of each fit; the recovery of a pruning step comes on top, as a share of them.
    material
        Digest of the data.
    """

    data: "Mapping[int, TrainingData]"
    monitor: "Monitor"
    n_epochs: int
    material: Digest

    def digest(self) -> Digest:
        """Digest of the data and the length of a fit."""
        return digest_value(["short fit", self.material, self.n_epochs])

    def quality(self, recipe: Recipe, *, rounded: bool = False) -> float:
        """Fit by the recipe, cut short, and score on tuning."""
        data = data_at(self.data, recipe)
        short = replace(
            recipe, plan=replace(recipe.plan, n_epochs=self.n_epochs, patience=self.n_epochs, distil_weight=0.0)
        )
        bench = Workbench(data=data, monitor=self.monitor, teacher_logits=None)
        model = build(short.architecture, seed=short.plan.seed)
        for call in short.steps:
            model = step_of(call)(model, short, bench)
        return score_of(model, data, self.monitor, rounded=rounded)


def data_at(data: "Mapping[int, TrainingData]", recipe: Recipe) -> "TrainingData":
    """Return the data at the input size of a recipe.

    Raises
    ------
    InputError
        If there are none.
    """
    side_px = recipe.architecture.spec.height_px
    if side_px not in data:
        raise InputError(
            f"a candidate takes {side_px} px", expected="one of " + ", ".join(map(str, sorted(data))),
            hint="add that size to the space's resolutions",
        )  # fmt: skip
    return data[side_px]
