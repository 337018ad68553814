"""Do probabilities match frequencies? Brier score, slope and intercept, and the reliability curve."""

import math
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, interval, n_distinct, standard_error, unit_index
from bedside.verify.metrics import check_pair
from bedside.verify.proportions import share

_EPS = 1e-6
_MAX_STEPS = 50
_MAX_LOGIT = 30.0


def mean_estimate(values: FloatArray, units: Units = None, *, low: float = 0.0, high: float = 1.0) -> Estimate:
    """Mean of ``(n,)`` values in [`low`, `high`] with Student's interval over units, on the logit scale of that range.

    A mean at an end, or a single unit, has the widest interval.
    """
    index = unit_index(units, len(values))
    value, n_units = float(np.mean(values)), n_distinct(index)
    span = high - low
    error, dof = standard_error((values - value) / len(values), index)
    found = interval((value - low) / span, error / span, dof=dof, scale="logit", n_units=n_units,
                     method="linearized, logit, Student")  # fmt: skip
    return Estimate(
        value=value, low=min(value, low + span * found.low), high=max(value, low + span * found.high),
        n_patients=n_units, method=found.method,
    )  # fmt: skip


def brier_estimate(positive: BoolArray, probability: FloatArray, units: Units = None) -> Estimate:
    """Brier score (Monthly Weather Review 1950) of one question with its interval over patients."""
    check_pair(positive, probability)
    return mean_estimate((np.asarray(probability, np.float64) - positive) ** 2, units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibration:
    """Slope 1 and intercept 0 mean calibrated (Cox, Biometrika 1958; Van Calster et al., BMC Med 2019).

    `slope` is that of truth on the logit of the probability; below 1 the model is too sure. `intercept` is calibration
    in the large: slope held at 1, above 0 the model says too little.
    """

    slope: Estimate
    intercept: Estimate


def recalibration(positive: BoolArray, probability: FloatArray, units: Units = None) -> Recalibration:
    """Calibration slope and intercept by logistic regression (Newton), errors robust to repeated units.

    Probabilities are kept 1e-6 away from 0 and 1. One class only: both NaN. Perfect separation (no finite maximum) or
    a single probability: the slope is NaN with the interval (-inf, inf); the intercept still exists.
    """
    check_pair(positive, probability)
    index = unit_index(units, len(positive))
    n_units, truth = n_distinct(index), np.asarray(positive, np.float64)
    none = blank(n_units, low=-math.inf, high=math.inf)
    if truth.min() == truth.max():
        return Recalibration(slope=none, intercept=none)
    clipped = np.clip(np.asarray(probability, np.float64), _EPS, 1 - _EPS)
    logit = np.log(clipped / (1 - clipped))
    ones = np.ones((len(logit), 1))
    at_large = _fit(ones, truth, index, offset=logit)
    found = None if _separable(truth > 0, logit) else _fit(np.column_stack([logit, ones]), truth, index)
    return Recalibration(
        slope=none if found is None else found,
        intercept=none if at_large is None else at_large,
    )


def _separable(positive: BoolArray, logit: FloatArray) -> bool:
    """Whether a threshold parts the classes (up to ties at it), in either direction, or there is one value only."""
    up, down = logit[positive], logit[~positive]
    return bool(up.min() >= down.max() or down.min() >= up.max())


def _fit(design: FloatArray, truth: FloatArray, index: IntArray, offset: FloatArray | float = 0.0) -> Estimate | None:
    """First coefficient by Newton's steps, or None where they do not settle.

    Its error is the larger of the model's own and the one robust to repeated units: with few ill patients the robust
    one alone is too small.
    """
    beta = np.zeros(design.shape[1])
    for _ in range(_MAX_STEPS):
        mean = 1 / (1 + np.exp(-np.clip(design @ beta + offset, -_MAX_LOGIT, _MAX_LOGIT)))
        bread = np.linalg.pinv((design * (mean * (1 - mean))[:, None]).T @ design)
        step = bread @ (design.T @ (truth - mean))
        beta = beta + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            robust, dof = standard_error((design * (truth - mean)[:, None]) @ bread[0], index)
            error, n_units = max(robust, math.sqrt(bread[0, 0])), n_distinct(index)
            return interval(
                float(beta[0]), error if n_units > 1 else math.nan, dof=dof, scale="plain", n_units=n_units,
                method="logistic recalibration, robust by patient, Student",
            )  # fmt: skip
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Cases of neighbouring probability: what was said on average, and what share was positive."""

    mean_prob: float
    n_cases: int
    observed: Estimate


def reliability(
    positive: BoolArray, probability: FloatArray, units: Units = None, *, n_bins: int = 10
) -> tuple[ReliabilityBin, ...]:
    """Reliability curve over bins of equal mass, each share with Wilson's band."""
    check_pair(positive, probability)
    index, order = unit_index(units, len(positive)), np.argsort(probability, kind="stable")
    bins = np.array_split(order, min(n_bins, len(order)))
    return tuple(
        ReliabilityBin(
            mean_prob=float(probability[rows].mean()),
            n_cases=len(rows),
            observed=share(positive[rows], np.ones(len(rows), bool), index[rows]),
        )
        for rows in bins
    )
