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
    error, _ = standard_error((values - value) / len(values), np.unique(index, return_inverse=True)[1])
    found = interval((value - low) / span, error / span, dof=n_units - 1, scale="logit", n_units=n_units,
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
    index = np.unique(unit_index(units, len(positive)), return_inverse=True)[1]
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
        slope=none if found is None else _first(found, n_units),
        intercept=none if at_large is None else _first(at_large, n_units),
    )


def _separable(positive: BoolArray, logit: FloatArray) -> bool:
    """Whether a threshold parts the classes (up to ties at it), in either direction, or there is one value only."""
    up, down = logit[positive], logit[~positive]
    return bool(up.min() >= down.max() or down.min() >= up.max())


def _fit(design: FloatArray, truth: FloatArray, index: IntArray, offset: FloatArray | float = 0.0):
    """Coefficients and cluster-robust errors, or None where Newton's steps do not settle."""
    beta = np.zeros(design.shape[1])
    for _ in range(_MAX_STEPS):
        mean = 1 / (1 + np.exp(-np.clip(design @ beta + offset, -_MAX_LOGIT, _MAX_LOGIT)))
        bread = np.linalg.pinv((design * (mean * (1 - mean))[:, None]).T @ design)
        step = bread @ (design.T @ (truth - mean))
        beta = beta + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            scores = design * (truth - mean)[:, None]
            sums = np.stack([np.bincount(index, weights=column) for column in scores.T], axis=1)
            n = len(sums)
            return beta, np.sqrt(np.diag(bread @ (sums.T @ sums) @ bread) * n / max(1, n - 1))
    return None


def _first(found: tuple[FloatArray, FloatArray], n_units: int) -> Estimate:
    beta, errors = found
    return interval(float(beta[0]), float(errors[0]) if n_units > 1 else math.nan, dof=n_units - 1, scale="plain",
                    n_units=n_units, method="logistic recalibration, robust by patient")  # fmt: skip


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
