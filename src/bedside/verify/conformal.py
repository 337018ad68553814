"""Prediction sets that hold the truth with a stated probability (split conformal prediction)."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.calibration import mean_estimate
from bedside.verify.checking import check_probabilities
from bedside.verify.clusters import Units, unit_index
from bedside.verify.metrics import check_pair
from bedside.verify.proportions import share

ConformalKind = Literal["lac", "class-conditional"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformalRule:
    """How probabilities become a set of classes; fitted on tuning outputs, stored in the bundle.

    Parameters
    ----------
    kind
        ``lac``: one threshold, the smallest sets on average (Sadinle et al., JASA 2019). ``class-conditional``: one a
        class, so that each class is covered (Vovk, ACML 2012).
    coverage_frac
        Share of new cases whose set shall hold the truth, 1 - alpha.
    least_prob
        A class is in the set if its probability is at least this, ``(K,)``; 0 puts it into every set.
    n_tuning
        Patients that each threshold rests on, ``(K,)``.
    """

    kind: ConformalKind
    coverage_frac: float
    least_prob: tuple[float, ...]
    n_tuning: tuple[int, ...]

    def sets(self, probabilities: FloatArray) -> BoolArray:
        """Which classes are in the set of each case, ``(n, K)``."""
        return np.asarray(probabilities) >= np.array(self.least_prob)


def fit_conformal(
    labels: IntArray,
    probabilities: FloatArray,
    *,
    coverage_frac: float = 0.9,
    kind: ConformalKind = "lac",
    units: Units = None,
) -> ConformalRule:
    """Fit thresholds on tuning outputs ``(n,)`` and ``(n, K)`` that no training has seen.

    The score of a case is 1 less the probability of its true class; the threshold is the score's
    ceil((U + 1)(1 - alpha))-th smallest value over U patients (Papadopoulos et al., ECML 2002). Cases of one patient
    share that patient's weight of 1 (pooled distributions; Dunn et al., JASA 2023). Too few patients for the coverage:
    every set holds the class.

    Raises
    ------
    InputError
        If the coverage is not between 0 and 1, or a probability is none.
    """
    if not 0 < coverage_frac < 1:
        raise InputError(f"a coverage of {coverage_frac}", expected="between 0 and 1, such as 0.9", hint="give a share")
    check_pair(labels, probabilities)
    check_probabilities(probabilities > 2, probabilities)
    n_classes, index = probabilities.shape[1], unit_index(units, len(labels))
    scores = 1 - probabilities[np.arange(len(labels)), labels]
    groups = [labels == k for k in range(n_classes)] if kind == "class-conditional" else [np.ones(len(labels), bool)]
    fitted = [_threshold(scores[rows], index[rows], coverage_frac) for rows in groups]
    if kind == "lac":
        fitted *= n_classes
    return ConformalRule(
        kind=kind,
        coverage_frac=coverage_frac,
        least_prob=tuple(least for least, _ in fitted),
        n_tuning=tuple(n for _, n in fitted),
    )


def _threshold(scores: FloatArray, index: IntArray, coverage_frac: float) -> tuple[float, int]:
    """Least probability, and the number of patients it rests on."""
    if not len(scores):
        return 0.0, 0
    _, own, sizes = np.unique(index, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(1 / sizes[own][order])
    wanted = (len(sizes) + 1) * coverage_frac
    enough = np.flatnonzero(reached >= wanted - 1e-9)
    least = 0.0 if not len(enough) else max(0.0, 1 - float(scores[order][enough[0]]))
    return math.nextafter(least, 0.0) if least > 0 else 0.0, len(sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformalCoverage:
    """What the sets did on cases that the rule was not fitted on.

    Parameters
    ----------
    holds
        Whether the interval of the coverage reaches what was promised; False is evidence of a shift.
    """

    coverage: Estimate
    by_class: dict[int, Estimate]
    mean_size: Estimate
    single_frac: Estimate
    empty_frac: Estimate
    holds: bool


def measure_coverage(
    rule: ConformalRule, labels: IntArray, probabilities: FloatArray, units: Units = None
) -> ConformalCoverage:
    """Coverage and size of the sets on other cases, with intervals over patients."""
    check_pair(labels, probabilities)
    sets, everyone = rule.sets(probabilities), np.ones(len(labels), bool)
    inside, size = sets[np.arange(len(labels)), labels], sets.sum(axis=1)
    coverage = share(inside, everyone, units)
    return ConformalCoverage(
        coverage=coverage,
        by_class={k: share(inside, labels == k, units) for k in range(probabilities.shape[1])},
        mean_size=mean_estimate(size.astype(float), units, low=0.0, high=float(probabilities.shape[1])),
        single_frac=share(size == 1, everyone, units),
        empty_frac=share(size == 0, everyone, units),
        holds=coverage.high >= rule.coverage_frac,
    )
