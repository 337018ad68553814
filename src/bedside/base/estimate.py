"""A number with its uncertainty."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric with its confidence interval.

    `n_patients` counts the units of independence (patients, or groups, or images where nothing else is known).
    A value that the data cannot give (no positive case, say) is NaN with the interval [0, 1], never a made-up number.
    """

    value: float
    low: float
    high: float
    n_patients: int
    level_frac: float = 0.95
    method: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.level_frac < 1:
            raise ValueError(f"level {self.level_frac} is not a fraction between 0 and 1")
        if not math.isnan(self.value) and not self.low - 1e-9 <= self.value <= self.high + 1e-9:
            raise ValueError(f"{self.value} is outside its interval [{self.low}, {self.high}]")

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "not estimable"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
