"""Sensitivity where specificity is held, and the reverse; and the ROC curve that both are read from."""

import math

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, n_distinct, unit_index
from bedside.verify.metrics import check_pair
from bedside.verify.resampling import Weights, weighted_sensitivity_at


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


def sensitivity_at_specificity_estimate(
    positive: BoolArray, score: FloatArray, specificity_frac: float, *, weights: Weights, units: Units = None
) -> Estimate:
    """Sensitivity at a held specificity, with the interval that knows the threshold is estimated too.

    Normal interval around the bootstrap mean of the sensitivity with pseudo-counts (BTII of Zhou and Qin, Stat Med
    2005), patients resampled. One class only gives NaN.
    """
    value = sensitivity_at_specificity(positive, score, specificity_frac)
    n_units = n_distinct(unit_index(units, len(positive)))
    if math.isnan(value):
        return blank(n_units)
    found = weighted_sensitivity_at(positive, score, weights, specificity_frac)
    found = found[~np.isnan(found)]
    if len(found) < 2:
        return Estimate(
            value=value, low=0.0, high=1.0, n_patients=n_units, method="bootstrap: no draw has both classes"
        )
    middle, half = float(found.mean()), 1.96 * float(found.std(ddof=1))
    return Estimate(
        value=value, low=max(0.0, min(value, middle - half)), high=min(1.0, max(value, middle + half)),
        n_patients=n_units, method=f"bootstrap with pseudo-counts (BTII), {len(found)} draws",
    )  # fmt: skip


def specificity_at_sensitivity_estimate(
    positive: BoolArray, score: FloatArray, sensitivity_frac: float, *, weights: Weights, units: Units = None
) -> Estimate:
    """Specificity at a held sensitivity: the same question with the classes and the scores turned round."""
    return sensitivity_at_specificity_estimate(
        ~positive, -np.asarray(score, np.float64), sensitivity_frac, weights=weights, units=units
    )


def specificity_at_sensitivity(positive: BoolArray, score: FloatArray, sensitivity_frac: float) -> float:
    """Largest specificity among thresholds whose sensitivity is at least that; NaN with one class only."""
    return sensitivity_at_specificity(~positive, -np.asarray(score, np.float64), sensitivity_frac)
