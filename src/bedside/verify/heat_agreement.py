"""Do two heat maps say the same? Rank correlation and overlap of the hottest places, with intervals by patient."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import ShapeError
from bedside.base.estimate import Estimate
from bedside.verify.heat import is_blank
from bedside.verify.intervals import bootstrap, resamples
from bedside.verify.metrics import ranks

TOP_FRAC = 0.1
"""Share of the image that counts as its hottest places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapAgreement:
    """How alike two models' maps of the same cases are; means over cases.

    Parameters
    ----------
    rank_correlation
        Spearman's, over the pixels of a case: 1 for one order, 0 for none.
    top_iou
        Intersection over union of the hottest tenth of either map.
    unrelated
        Rank correlation of the first model's map of a case with the second's map of *another* case: what a shared
        liking for the middle of the image earns by itself.
    n_blank
        Cases in which both maps are blank; they are left out. Where one only is blank the agreement is 0.
    """

    rank_correlation: Estimate
    top_iou: Estimate
    unrelated: Estimate
    n_blank: int


def rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Spearman's rank correlation of two maps of one shape, ties shared; NaN if both are constant, 0 if one is."""
    _check(first, second)
    a, b = ranks(first.ravel()), ranks(second.ravel())
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    if scale > 0:
        return float((a * b).sum() / scale)
    return math.nan if not a.any() and not b.any() else 0.0


def top_iou(first: FloatArray, second: FloatArray, top_frac: float = TOP_FRAC) -> float:
    """Intersection over union of the hottest `top_frac` of either map; NaN if both are constant, 0 if one is."""
    _check(first, second)
    flat = [np.ptp(heat) <= 0 for heat in (first, second)]
    if any(flat):
        return math.nan if all(flat) else 0.0
    a, b = _hottest(first, top_frac), _hottest(second, top_frac)
    return float((a & b).sum() / (a | b).sum())


def _hottest(heat: FloatArray, top_frac: float) -> np.ndarray:
    """The pixels from the k-th hottest on: ties with it belong to them, but never the coldest value."""
    k = max(1, round(top_frac * heat.size))
    cut = np.partition(heat.ravel(), -k)[-k]
    return (heat >= cut) & (heat > heat.min())


def compare_maps(first: FloatArray, second: FloatArray, units: Sequence[str], *, seed: int = 0) -> MapAgreement:
    """Compare two models' maps ``(n, H, W)`` of the same cases, in one order; `units` are their patients."""
    _check(first, second)
    if len(units) != len(first) or not len(first):
        raise ShapeError(
            f"{len(first)} maps and {len(units)} units", expected="as many, and one at least", hint="name each patient"
        )
    blank, others = (is_blank(first), is_blank(second)), other_case(units)
    pairs = list(zip(first, second, strict=True))
    unrelated = [
        math.nan if j is None or blank[0][i] or blank[1][j] else rank_correlation(first[i], second[j])
        for i, j in enumerate(others)
    ]
    return MapAgreement(
        rank_correlation=mean_over_cases([rank_correlation(a, b) for a, b in pairs], units, seed=seed),
        top_iou=mean_over_cases([top_iou(a, b) for a, b in pairs], units, seed=seed),
        unrelated=mean_over_cases(unrelated, units, seed=seed),
        n_blank=int((blank[0] & blank[1]).sum()),
    )


def other_case(units: Sequence[str]) -> list[int | None]:
    """For each case the next one of another patient, in a circle; None where there is one patient only."""
    n = len(units)
    return [next((j % n for j in range(i + 1, i + n) if units[j % n] != units[i]), None) for i in range(n)]


def mean_over_cases(values: Sequence[float], units: Sequence[str], *, seed: int = 0) -> Estimate:
    """Mean of one number a case, with an interval by patient; NaN stands for "not defined here" and is left out."""
    found = np.asarray(values, float)
    known = ~np.isnan(found)
    if not known.any():
        return Estimate(value=math.nan, low=0.0, high=1.0, n_patients=0, method="bootstrap")
    found, kept = found[known], [unit for unit, is_known in zip(units, known, strict=True) if is_known]
    draws = resamples(kept, seed=seed)
    return bootstrap(lambda r: float(found[r].mean()), draws, n_rows=len(found), n_patients=len(set(kept)))


def _check(first: FloatArray, second: FloatArray) -> None:
    if first.shape != second.shape or not first.size:
        raise ShapeError(
            f"maps of {first.shape} and {second.shape}", expected="one shape, not empty", hint="map the same cases"
        )
