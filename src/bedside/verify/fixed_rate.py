"""Sensitivity where specificity is held, and the reverse; and the ROC curve that both are read from."""

import math
from bisect import bisect_left, bisect_right

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, n_distinct, unit_index
from bedside.verify.distributions import binomial_cdf, binomial_pmf, normal_quantile
from bedside.verify.metrics import check_pair
from bedside.verify.proportions import share


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

    The threshold that truly holds the specificity lies, by order statistics of the negatives (Woodruff, JASA 1952;
    binomial tails with half of the weight of what was seen), between two of their scores; the sensitivities there, and
    Wilson's interval of the share itself, are joined in quadrature (MOVER). One class only gives NaN.
    """
    index = unit_index(units, len(positive))
    score = np.asarray(score, np.float64)
    value = sensitivity_at_specificity(positive, score, specificity_frac)
    n_units = n_distinct(index)
    if math.isnan(value):
        return blank(n_units)
    threshold = _threshold(positive, score, specificity_frac)
    called = score >= threshold
    own = share(called, positive, index)
    n_effective = _effective(share(~called, ~positive, index), int((~positive).sum()))
    strict, lax = _bounds(np.sort(score[~positive]), specificity_frac, n_effective)
    if_strict, if_lax = float((score[positive] > strict).mean()), float((score[positive] > lax).mean())
    low = value - math.hypot(value - own.low, max(0.0, value - if_strict))
    high = value + math.hypot(own.high - value, max(0.0, if_lax - value))
    return Estimate(
        value=value, low=max(0.0, low), high=min(1.0, max(high, value)), n_patients=n_units,
        method="order statistics of the threshold and Wilson, MOVER",
    )  # fmt: skip


def specificity_at_sensitivity_estimate(
    positive: BoolArray, score: FloatArray, sensitivity_frac: float, units: Units = None
) -> Estimate:
    """Specificity at a held sensitivity: the same question with the classes and the scores turned round."""
    return sensitivity_at_specificity_estimate(~positive, -np.asarray(score, np.float64), sensitivity_frac, units)


def _threshold(positive: BoolArray, score: FloatArray, specificity_frac: float) -> float:
    missed, _, thresholds = roc_curve(positive, score)
    return float(thresholds[missed <= 1 - specificity_frac + 1e-12][-1])


def _effective(found: Estimate, n_cases: int) -> float:
    """Independent negatives that the design effect at the threshold leaves; the units where it cannot be seen."""
    if found.n_patients == n_cases or found.value in (0.0, 1.0):
        return float(found.n_patients)
    p, z = found.value, normal_quantile(0.975)
    half = max((found.high - found.low) / 2, 1e-9)
    return min(float(n_cases), max(1.0, z * z * p * (1 - p) / half**2))


def _bounds(negatives: FloatArray, specificity_frac: float, n_effective: float) -> tuple[float, float]:
    """Scores between which the true quantile of the negatives lies, highest first; infinite where none bounds it."""
    n, whole = len(negatives), max(1, round(n_effective))
    upper = bisect_left(range(whole), 0.975, key=lambda k: _mid_cdf(k, whole, specificity_frac))
    lower = bisect_right(range(whole), 0.025, key=lambda k: _mid_cdf(k, whole, specificity_frac))
    strict = math.inf if upper >= whole else negatives[min(n - 1, round(upper / whole * n))]
    lax = -math.inf if lower <= 0 else negatives[max(0, round(lower / whole * n) - 1)]
    return float(strict), float(lax)


def _mid_cdf(k: int, n: int, prob: float) -> float:
    """P(X < k) + P(X = k) / 2 of a binomial."""
    if prob in (0.0, 1.0):
        return 0.5 if k == prob * n else float(k > prob * n)
    return binomial_cdf(k - 1, n, prob) + binomial_pmf(k, n, prob) / 2
