"""Sensitivity where specificity is held, and the reverse; and the ROC curve that both are read from."""

import math
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, few_note, n_distinct, standard_error, unit_index
from bedside.verify.distributions import normal_quantile, t_quantile
from bedside.verify.metrics import check_pair
from bedside.verify.order_statistics import quantile_levels, student_tail
from bedside.verify.proportions import score_interval


def roc_curve(positive: BoolArray, score: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points of the ROC curve from (0, 0) to (1, 1): 1 - specificity, sensitivity and threshold, each ``(p,)``.

    A rate over no case is NaN.
    """
    check_pair(positive, score)
    order = np.argsort(-np.asarray(score, np.float64), kind="stable")
    ordered = np.asarray(score, np.float64)[order]
    ends = np.flatnonzero(np.r_[np.diff(ordered) != 0, True])
    up = np.r_[0, np.cumsum(positive[order])[ends]].astype(float)
    down = np.r_[0, np.cumsum(~positive[order])[ends]].astype(float)
    with np.errstate(invalid="ignore"):
        return down / down[-1], up / up[-1], np.r_[math.inf, ordered[ends]]


def sensitivity_at_specificity(positive: BoolArray, score: FloatArray, specificity_frac: float) -> float:
    """Largest sensitivity among thresholds whose specificity is at least that; NaN with one class only."""
    if not 0 <= specificity_frac <= 1:
        raise InputError(f"a rate held at {specificity_frac}", expected="0 to 1, such as 0.9", hint="give a fraction")
    missed, found, _ = roc_curve(positive, score)
    if np.isnan(missed).any() or np.isnan(found).any():
        return math.nan
    return float(found[missed <= 1 - specificity_frac + 1e-12].max())


def specificity_at_sensitivity(positive: BoolArray, score: FloatArray, sensitivity_frac: float) -> float:
    """Largest specificity among thresholds whose sensitivity is at least that; NaN with one class only."""
    return sensitivity_at_specificity(~positive, -np.asarray(score, np.float64), sensitivity_frac)


def sensitivity_at_specificity_estimate(
    positive: BoolArray, score: FloatArray, specificity_frac: float, units: Units = None
) -> Estimate:
    """Sensitivity at a held specificity, with an interval that knows the threshold is estimated too.

    The threshold that truly holds the specificity lies between two levels of the negatives (`quantile_levels`;
    Woodruff, JASA 1952). The sensitivities there, and Wilson's interval of the share itself, are joined in quadrature
    around the share at the interpolated threshold (MOVER). Where no negative bounds the threshold on one side, that end
    is all that is possible and the other end has the whole 5 %. One class only gives NaN.
    """
    index = unit_index(units, len(positive))
    score = np.asarray(score, np.float64)
    value = sensitivity_at_specificity(positive, score, specificity_frac)
    n_units = n_distinct(index)
    if math.isnan(value):
        return blank(n_units)
    curve = _Smooth(np.sort(score[positive]), np.sort(score[~positive]))
    threshold = curve.threshold(specificity_frac)
    up = _effective(score[positive] >= threshold, index[positive])
    down = _effective(score[~positive] >= threshold, index[~positive])
    if not 0 < specificity_frac < 1:
        low, high = score_interval(value, up.n, up.quantile(0.025))
    else:
        low, high = _ends(curve, specificity_frac, up, down)
    n_each = n_distinct(index[positive]), n_distinct(index[~positive])
    return Estimate(
        value=value, low=max(0.0, min(low, value)), high=min(1.0, max(high, value)), n_patients=n_units,
        method=f"fractional order statistics of the threshold and Wilson, MOVER{few_note(*n_each, 'conservative')}",
    )  # fmt: skip


def specificity_at_sensitivity_estimate(
    positive: BoolArray, score: FloatArray, sensitivity_frac: float, units: Units = None
) -> Estimate:
    """Specificity at a held sensitivity: the same question with the classes and the scores turned round."""
    return sensitivity_at_specificity_estimate(~positive, -np.asarray(score, np.float64), sensitivity_frac, units)


@dataclass(frozen=True, slots=True)
class _Smooth:
    """Sorted scores of both classes, and the sensitivity where any share of the negatives is left below."""

    up: FloatArray
    down: FloatArray

    def threshold(self, specificity_frac: float) -> float:
        return float(np.interp(specificity_frac * len(self.down) - 0.5, np.arange(len(self.down)), self.down))

    def sensitivity(self, specificity_frac: float) -> float:
        at = self.threshold(specificity_frac)
        below = np.searchsorted(self.up, at, "left") + np.searchsorted(self.up, at, "right")
        return 1 - float(below) / 2 / len(self.up)


@dataclass(frozen=True, slots=True)
class _Effective:
    """Independent cases that the design effect leaves, and the degrees of freedom that it was found with."""

    n: float
    dof: float

    def quantile(self, tail: float) -> float:
        return t_quantile(1 - tail, max(1.0, self.dof)) if self.dof < math.inf else normal_quantile(1 - tail)


def _effective(hits: BoolArray, index: IntArray) -> _Effective:
    n, n_units, share_ = len(hits), n_distinct(index), float(hits.mean())
    if n_units == n:
        return _Effective(n, math.inf)
    if share_ in (0.0, 1.0) or n_units < 2:
        return _Effective(n_units, n_units - 1)
    error, dof = standard_error((hits - share_) / n, index)
    return _Effective(min(n, max(1.0, share_ * (1 - share_) / max(error * error, 1e-300))), dof)


def _ends(curve: _Smooth, held: float, up: _Effective, down: _Effective) -> tuple[float, float]:
    value = curve.sensitivity(held)
    strict, lax = quantile_levels(down.n, held, tail=_tail(0.025, down))
    tail_low = tail_high = 0.025
    if strict is None and lax is not None:
        tail_high, lax = 0.05, quantile_levels(down.n, held, tail=_tail(0.05, down))[1]
    elif lax is None and strict is not None:
        tail_low, strict = 0.05, quantile_levels(down.n, held, tail=_tail(0.05, down))[0]
    low, high = 0.0, 1.0
    if strict is not None:
        own = score_interval(value, up.n, up.quantile(tail_low))[0]
        low = value - math.hypot(value - own, max(0.0, value - curve.sensitivity(strict)))
    if lax is not None:
        own = score_interval(value, up.n, up.quantile(tail_high))[1]
        high = value + math.hypot(own - value, max(0.0, curve.sensitivity(lax) - value))
    return low, high


def _tail(tail: float, found: _Effective) -> float:
    return student_tail(tail, found.quantile(tail))
