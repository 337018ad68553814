"""The oracle that fits once: candidates are parts of a supernet, cut out and scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.base.digest import Digest
from bedside.compress.recipe import Recipe
from bedside.compress.search.oracle import data_at
from bedside.compress.search.scoring import score_of

if TYPE_CHECKING:
    from bedside.train.fitting import Monitor, TrainingData
    from bedside.train.shared_weights import Shared


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedOracle:
    """Scores networks with shared weights; the order of candidates is what it is good for, not the score itself.

    Parameters
    ----------
    weights
        Digest of the weights and of the data.
    """

    shared: "Shared"
    data: "Mapping[int, TrainingData]"
    monitor: "Monitor"
    weights: Digest

    def digest(self) -> Digest:
        """Digest of the weights and the data."""
        return self.weights

    def quality(self, recipe: Recipe, *, rounded: bool = False) -> float:
        """Cut a network out, take its statistics, score it on tuning."""
        from bedside.train.shared_weights import extracted

        data = data_at(self.data, recipe)
        model = extracted(self.shared, recipe.architecture, data)
        return score_of(model, data, self.monitor, rounded=rounded)
