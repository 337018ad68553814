"""Sensitivity where specificity is held, and the reverse; and the ROC curve that both are read from."""

import math

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.clusters import blank
from bedside.verify.distributions import normal_quantile
from bedside.verify.metrics import check_pair
from bedside.verify.resampling import RankedDraws


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


def held_estimates(
    positive: BoolArray, score: FloatArray, draws: RankedDraws, *, n_units: int
) -> tuple[dict[float, Estimate], dict[float, Estimate]]:
    """Sensitivity at each held specificity, and the reverse, with intervals that know the threshold is estimated too.

    Normal interval around the bootstrap mean of the rate with pseudo-counts (BTII of Zhou and Qin, Stat Med 2005),
    patients resampled. One class only gives NaN; fewer than two draws with both classes give the interval [0, 1].

    Parameters
    ----------
    draws
        From `bedside.verify.resampling.ranked_draws` with the rates to hold.
    """
    return (
        {
            h: _around(sensitivity_at_specificity(positive, score, h), d, n_units)
            for h, d in draws.sensitivity_at.items()
        },
        {
            h: _around(specificity_at_sensitivity(positive, score, h), d, n_units)
            for h, d in draws.specificity_at.items()
        },
    )


def _around(value: float, found: FloatArray, n_units: int) -> Estimate:
    if math.isnan(value):
        return blank(n_units)
    found = found[~np.isnan(found)]
    if len(found) < 2:
        return Estimate(
            value=value, low=0.0, high=1.0, n_patients=n_units, method="bootstrap: no draw has both classes"
        )
    middle, half = float(found.mean()), normal_quantile(0.975) * float(found.std(ddof=1))
    return Estimate(
        value=value, low=max(0.0, min(value, middle - half)), high=min(1.0, max(value, middle + half)),
        n_patients=n_units, method=f"bootstrap with pseudo-counts (BTII), {len(found)} draws",
    )  # fmt: skip
