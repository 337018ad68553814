"""Are the probabilities worth acting on? Decision curve and reliability of the shipped model beside the reference."""

from collections.abc import Mapping
from dataclasses import dataclass

from bedside.base.arrays import BoolArray, FloatArray
from bedside.verify.calibration import ReliabilityBin, reliability
from bedside.verify.checking import check_probabilities
from bedside.verify.clusters import Units, unit_index
from bedside.verify.net_benefit import NetBenefit, decision_curve

THRESHOLDS = tuple(round(0.01 * i, 2) for i in (*range(1, 10), *range(10, 100, 5)))
"""Close to each other where a missed case is dear, coarser above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usefulness:
    """Of the class that is looked for against the rest, by model (``shipped``, ``reference``).

    Parameters
    ----------
    decision
        Net benefit over `THRESHOLDS`, the lowest first.
    reliability
        Bins of equal mass, with intervals by patient.
    """

    positive: str
    prevalence_frac: float
    decision: dict[str, tuple[NetBenefit, ...]]
    reliability: dict[str, tuple[ReliabilityBin, ...]]

    def beats_both(self, model: str = "shipped") -> tuple[float, ...]:
        """Thresholds at which acting on the model is surely better than treating all and than treating none."""
        return tuple(
            point.threshold_prob
            for point in self.decision[model]
            if point.model.low > 0 and point.model_minus_all.low > 0
        )


def usefulness(
    positive_name: str, positive: BoolArray, probability_of: Mapping[str, FloatArray], units: Units = None
) -> Usefulness:
    """Compute both curves on the same cases ``(n,)`` for each model's probabilities ``(n,)``.

    Raises
    ------
    InputError
        If a score is NaN, infinite or outside 0 to 1.
    """
    for probability in probability_of.values():
        check_probabilities(positive, probability)
    index = unit_index(units, len(positive))
    return Usefulness(
        positive=positive_name,
        prevalence_frac=float(positive.mean()),
        decision={
            name: decision_curve(positive, probability, index, thresholds=THRESHOLDS)
            for name, probability in probability_of.items()
        },
        reliability={
            name: reliability(positive, probability, index) for name, probability in probability_of.items()
        },
    )  # fmt: skip
