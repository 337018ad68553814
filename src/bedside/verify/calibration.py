"""Do probabilities match frequencies? Brier score, slope and intercept, and the reliability curve."""

import math
from dataclasses import dataclass, replace

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import FEW, Units, blank, few_note, interval, n_distinct, standard_error, unit_index
from bedside.verify.mean_loss import mean_loss_estimate
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
    found = mean_loss_estimate((np.asarray(probability, np.float64) - positive) ** 2, units)
    index = unit_index(units, len(positive))
    note = few_note(n_distinct(index[positive]), n_distinct(index[~positive]), "conservative")
    return replace(found, method=found.method + note)


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
    ill = truth > 0
    n_rarer = min(n_distinct(index[ill]), n_distinct(index[~ill]))
    at_large = _fit(ones, truth, index, offset=logit, max_dof=math.inf if n_rarer >= FEW else max(1.0, n_rarer - 1))
    both = np.column_stack([logit, ones])
    found = None if _separable(ill, logit) else _fit(both, truth, index, max_dof=max(1.0, n_rarer - 1))
    return Recalibration(
        slope=none if found is None else found,
        intercept=none if at_large is None else at_large,
    )


def _separable(positive: BoolArray, logit: FloatArray) -> bool:
    """Whether a threshold parts the classes (up to ties at it), in either direction, or there is one value only."""
    up, down = logit[positive], logit[~positive]
    return bool(up.min() >= down.max() or down.min() >= up.max())


def _fit(
    design: FloatArray, truth: FloatArray, index: IntArray, *, offset: FloatArray | float = 0.0, max_dof: float
) -> Estimate | None:
    """First coefficient by Newton's steps, or None where they do not settle.

    Its error is the larger of the model's own and the robust one: with few ill patients the robust one alone is too
    small. Where each case stands alone the quantile is normal; where units repeat, Student's, at `max_dof` at most.
    """
    beta = np.zeros(design.shape[1])
    for _ in range(_MAX_STEPS):
        mean = 1 / (1 + np.exp(-np.clip(design @ beta + offset, -_MAX_LOGIT, _MAX_LOGIT)))
        bread = np.linalg.pinv((design * (mean * (1 - mean))[:, None]).T @ design)
        step = bread @ (design.T @ (truth - mean))
        beta = beta + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            scores = (design * (truth - mean)[:, None]) @ bread[0]
            return _wald(float(beta[0]), scores, math.sqrt(bread[0, 0]), truth > 0, index, max_dof)
    return None


def _wald(
    value: float, scores: FloatArray, of_model: float, ill: BoolArray, index: IntArray, max_dof: float
) -> Estimate:
    robust, dof = standard_error(scores, index)
    n_units, n_ill, n_well = n_distinct(index), n_distinct(index[ill]), n_distinct(index[~ill])
    if n_units == len(index):
        dof, name = math.inf, "normal"
    else:
        dof, name = min(dof, max_dof), "Student"
        if max_dof < math.inf:  # the robust error of so few is too small by about one patient of the rarer class
            robust *= math.sqrt(1 + 1 / min(n_ill, n_well))
    return interval(
        value, max(robust, of_model) if n_units > 1 else math.nan, dof=dof, scale="plain", n_units=n_units,
        method=f"logistic recalibration, robust by patient, {name}{few_note(n_ill, n_well, 'approximate')}",
    )  # fmt: skip


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
