"""One trial of a search: a point, what it is worth, what it costs."""

from dataclasses import dataclass

from bedside.compress.search.goals import Priced
from bedside.compress.search.sketching import Features
from bedside.compress.search.space import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTrial:
    """One row of the table.

    Parameters
    ----------
    quality
        By the oracle, on tuning data; None where the trial was dropped on paper.
    costs
        By quantity, each with its origin.
    excess
        By ceiling, the logarithm of cost over ceiling: above 0 is over the budget.
    dropped
        Why no quality was asked for, or nothing.
    foretold_ms
        Median latency as it was predicted before it was measured, where both happened.
    """

    number: int
    point: Point
    features: Features
    quality: float | None
    costs: dict[str, Priced]
    excess: dict[str, float]
    dropped: str = ""
    foretold_ms: float | None = None

    @property
    def fits(self) -> bool:
        """Whether it has a quality and no ceiling is missed."""
        return self.quality is not None and all(over <= 0 for over in self.excess.values())

    @property
    def is_measured(self) -> bool:
        """Whether its latency was measured."""
        return self.costs["latency_p50_ms"].origin == "measured"
