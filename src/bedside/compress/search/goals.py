"""What a search is after: quality up, costs down, within a budget; and the one scale on which gains are compared."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.budget import Budget
from bedside.base.errors import InputError
from bedside.compress.proposing import LATENCY_SLACK, SIZE_SLACK

LATENCY = "latency_p50_ms"

QUANTITY_OF = {
    "latency": LATENCY,
    "size": "size_kib",
    "memory": "memory_mib",
    "energy": "energy_mj",
}
"""What stands for each cost among the objectives; a ceiling on latency is compared with `latency_ms`, its p90."""

QUANTITIES = (LATENCY, "latency_ms", "size_kib", "memory_mib", "energy_mj")
"""Everything that is measured of a file."""

Origin = Literal["measured", "predicted", "paper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """One cost of one trial, with its band."""

    value: float
    low: float
    high: float
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """Objectives and ceilings of a search.

    Parameters
    ----------
    costs
        Keys of `QUANTITY_OF`: the objectives beside quality.
    quality_floor
        Quality of a guess, such as 0.5 in AUROC.
    worst, best
        Of each quantity among the objectives: where the scale begins (a ceiling, or the dearest of a sample of the
        space on paper) and ends (the cheapest of the sample). Costs are compared by ratios.
    """

    costs: tuple[str, ...]
    budget: Budget
    quality_floor: float
    worst: dict[str, float]
    best: dict[str, float]

    def __post_init__(self) -> None:
        check_costs(self.costs)

    @property
    def quantities(self) -> tuple[str, ...]:
        """Quantities among the objectives."""
        return tuple(QUANTITY_OF[cost] for cost in self.costs)

    def goods(self, quality: float, costs: Mapping[str, Priced]) -> FloatArray:
        """Return ``(1 + number of costs,)``: each objective from 0, the reference of the hypervolume, to about 1."""
        found = [(quality - self.quality_floor) / (1 - self.quality_floor)]
        for name in self.quantities:
            span = math.log(self.worst[name] / self.best[name])
            found.append(math.log(self.worst[name] / costs[name].value) / span)
        return np.array(found)

    def excess(self, costs: Mapping[str, Priced]) -> dict[str, float]:
        """By how much each ceiling is missed, as the logarithm of the ratio: above 0 is over the budget."""
        return {name: math.log(costs[name].value / ceiling) for name, ceiling in self.budget.limits().items()}

    def surely_over(self, costs: Mapping[str, Priced]) -> str:
        """Name the first ceiling that even the low end of the band is above, or nothing."""
        for name, ceiling in self.budget.limits().items():
            if name in costs and costs[name].low > ceiling:
                return f"{costs[name].origin} {name} {costs[name].low:.4g} or more, ceiling {ceiling:g}"
        return ""


def slack_of(quantity: str) -> float:
    """By what factor a quantity on paper may be wrong."""
    return SIZE_SLACK if quantity == "size_kib" else LATENCY_SLACK


def check_costs(costs: tuple[str, ...]) -> None:
    """Refuse objectives that do not exist."""
    if not costs or len(set(costs)) < len(costs) or not set(costs) <= set(QUANTITY_OF):
        raise InputError(
            f"the costs {', '.join(costs) or 'none'} cannot be objectives", hint="such as latency,size",
            expected="one or more of " + ", ".join(QUANTITY_OF) + ", each once",
        )  # fmt: skip


def goals_for(costs: tuple[str, ...], budget: Budget, quality_floor: float, sample: list[dict[str, float]]) -> Goals:
    """Set the scale from a sample of the space on paper, before anything is tried.

    The reference point is the ceiling where there is one (what is over the budget adds nothing), else the dearest of
    the sample with the slack of its prediction.
    """
    check_costs(costs)
    worst, best = {}, {}
    ceilings = budget.limits() | ({"latency_p50_ms": budget.latency_ms} if budget.latency_ms else {})
    for name in (QUANTITY_OF[cost] for cost in costs):
        values = [paper[name] for paper in sample]
        worst[name] = ceilings.get(name) or slack_of(name) * max(values)
        best[name] = min(*values, worst[name] / 2)
    return Goals(costs=costs, budget=budget, quality_floor=quality_floor, worst=worst, best=best)
