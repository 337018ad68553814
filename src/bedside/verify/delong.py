"""AUROC with DeLong's variance, whole patients as clusters, and the paired test of two models."""

import math
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, few_note, interval, unit_index
from bedside.verify.distributions import least_share, normal_quantile, two_sided_p
from bedside.verify.metrics import auroc
from bedside.verify.placements import Placements, placements


def auroc_estimate(
    positive: BoolArray, score: FloatArray, units: Units = None, *, level_frac: float = 0.95
) -> Estimate:
    """AUROC with an interval whose method follows from the data.

    - In general: DeLong's variance (Obuchowski's where units repeat) on the logit scale, with Student's quantile at
      Satterthwaite's degrees of freedom (Brunner and Munzel, Biometrical Journal 2000). Into the variance of each
      class's placements goes one more case at the spread of Hanley and McNeil's model: a handful of cases that happen
      to lie close together would else look far too sure.
    - Fewer than 2 units of a class, or no spread at all: score interval on Hanley and McNeil's variance (Radiology
      1982; the inversion is Newcombe's, Stat Med 2006).
    - Perfect separation: 1 with the exact lower end of as many concordant pairs as can be had that share no unit.
    - One class only: NaN.
    """
    found = placements(positive, [np.asarray(score, np.float64)], units)
    if found is None:
        return blank(len(set(unit_index(units, len(positive)).tolist())))
    value, n_units = auroc(positive, score), found.n_units
    n_up, n_down = found.n_each
    if value in (0.0, 1.0):
        return _separated(value, found.n_pairs, n_units, level_frac)
    if min(n_up, n_down) < 2:
        return _newcombe(value, n_up, n_down, n_units, level_frac)
    up, down, both = (float(part[0, 0]) for part in found.parts())
    if not up + down + both > 1e-15:
        return _newcombe(value, n_up, n_down, n_units, level_frac)
    spread_up, spread_down = _spreads(value)
    up = (up * (n_up - 1) + spread_up / n_up) / n_up
    down = (down * (n_down - 1) + spread_down / n_down) / n_down
    name = "Obuchowski" if n_units < len(positive) else "DeLong"
    return interval(
        value, math.sqrt(max(up + down + both, 1e-15)), dof=(up + down) ** 2 / (up**2 / n_up + down**2 / n_down),
        scale="logit", n_units=n_units, level_frac=level_frac,
        method=f"{name} with one case a class at Hanley-McNeil's spread, logit, Student"
        + few_note(n_up, n_down, "conservative"),
    )  # fmt: skip


def _spreads(area: float) -> tuple[float, float]:
    """Variance of a positive's and of a negative's placement, by Hanley and McNeil's exponential model."""
    return 2 * area**2 / (1 + area) - area**2, area / (2 - area) - area**2


def _separated(value: float, n_pairs: int, n_units: int, level_frac: float) -> Estimate:
    """All of k independent pairs concordant: the area is at least the root of the tail (Clopper and Pearson)."""
    end = least_share(n_pairs, level_frac)
    low, high = (end, 1.0) if value == 1 else (0.0, 1 - end)
    return Estimate(
        value=value, low=low, high=high, n_patients=n_units, level_frac=level_frac,
        method=f"perfect separation, exact over {n_pairs} independent pairs",
    )  # fmt: skip


def no_difference(found: Placements, scores: tuple[FloatArray, FloatArray], level_frac: float = 0.95) -> Estimate:
    """Difference of two AUROCs whose placements are the same: 0, and of two perfect ones as uncertain as pairs are few.

    Where both models rank every pair rightly, k independent pairs leave to each an area below 1 (Clopper and Pearson),
    and so a difference. Elsewhere, and of scores that are the same, it is exactly 0.
    """
    n_units, same = found.n_units, np.array_equal(*scores)
    if same or found.areas[0] not in (0.0, 1.0):
        exact = "equal scores" if same else "equal placements"
        return Estimate(value=0.0, low=0.0, high=0.0, n_patients=n_units, level_frac=level_frac, method=exact)
    far = 1 - least_share(found.n_pairs, level_frac)
    return Estimate(
        value=0.0, low=-far, high=far, n_patients=n_units, level_frac=level_frac,
        method=f"perfect separation by both, exact over {found.n_pairs} independent pairs",
    )  # fmt: skip


def _newcombe(value: float, m: int, n: int, n_units: int, level_frac: float) -> Estimate:
    """Areas that differ from `value` by less than z errors, the error being Hanley and McNeil's at that area."""
    z = normal_quantile((1 + level_frac) / 2)

    def outside(area: float) -> bool:
        of_positive, of_negative = _spreads(area)
        variance = (area * (1 - area) + (n - 1) * of_positive + (m - 1) * of_negative) / (m * n)
        return (value - area) ** 2 > z * z * variance

    ends = []
    for far in (0.0, 1.0):
        near = value
        for _ in range(60):
            middle = (near + far) / 2
            near, far = (near, middle) if outside(middle) else (middle, far)
        ends.append(near)
    return Estimate(
        value=value, low=min(ends[0], value), high=max(ends[1], value), n_patients=n_units, level_frac=level_frac,
        method="score interval on Hanley and McNeil's variance",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """Two models on the same cases: first minus second, with a two-sided p-value; NaN where it cannot be had."""

    test: str
    difference: Estimate
    p_value: float

    def __str__(self) -> str:
        return f"{self.test}: difference {self.difference}, p = {self.p_value:.3g}"


def delong_test(
    positive: BoolArray, first: FloatArray, second: FloatArray, units: Units = None, *, level_frac: float = 0.95
) -> PairedTest:
    """Paired test of two AUROCs (DeLong et al. 1988); whole units as clusters (Obuchowski 1997).

    Equal placements give a difference of 0 with p = 1, see `no_difference`. One class only, fewer than 2 units of a
    class, or two models without spread (one perfect, one constant) give no error: NaN or the interval [-1, 1], and
    p = NaN.
    """
    name = "DeLong"
    pair = np.asarray(first, np.float64), np.asarray(second, np.float64)
    found = placements(positive, pair, units)
    if found is None:
        return PairedTest(test=name, difference=blank(low=-1.0), p_value=math.nan)
    value, n_units = float(found.areas[0] - found.areas[1]), found.n_units
    same = bool((found.of_positives[0] == found.of_positives[1]).all())
    if same and bool((found.of_negatives[0] == found.of_negatives[1]).all()):
        return PairedTest(test=name, difference=no_difference(found, pair, level_frac), p_value=1.0)
    covariance = found.covariance() if min(found.n_each) > 1 else np.full((2, 2), math.nan)
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if not variance > 1e-15:
        widest = Estimate(value=value, low=-1.0, high=1.0, n_patients=n_units, method=f"{name}: no error")
        return PairedTest(test=name, difference=widest, p_value=math.nan)
    error = math.sqrt(variance)
    half = normal_quantile((1 + level_frac) / 2) * error
    difference = Estimate(
        value=value, low=max(-1.0, value - half), high=min(1.0, value + half), n_patients=n_units,
        level_frac=level_frac, method=f"paired {name}{', clustered' if n_units < len(positive) else ''}",
    )  # fmt: skip
    return PairedTest(test=name, difference=difference, p_value=two_sided_p(value / error))
