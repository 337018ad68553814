"""Free-response figures: sensitivity for objects beside false positives an image, with intervals by patient."""

import math
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.average_precision_boxes import n_with
from bedside.verify.box_matching import Matches
from bedside.verify.clusters import Units, n_distinct, never_certain, unit_index
from bedside.verify.resampling import Weights, percentile, unit_weights

FALSE_POSITIVE_RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives an image at which LUNA16 reads the sensitivity (Setio et al., Medical Image Analysis 2017)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrocCurve:
    """Points of the free-response curve by falling threshold, each ``(d,)``; PPV beside them for the other curve."""

    thresholds_prob: FloatArray = field(repr=False)
    false_positives_per_image: FloatArray = field(repr=False)
    sensitivity: FloatArray = field(repr=False)
    ppv: FloatArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Froc:
    """Sensitivity at each of the rates, and their mean, which LUNA16 ranks by."""

    rates: tuple[float, ...]
    sensitivities: tuple[Estimate, ...]
    mean: Estimate


def _chosen(matches: Matches, label: int | None) -> tuple[BoolArray, IntArray]:
    if label is None:
        return np.ones(len(matches.labels), bool), matches.n_objects.sum(axis=1)
    return matches.labels == label, matches.n_objects[:, label]


def froc_curve(matches: Matches, *, level: float = 0.5, label: int | None = None) -> FrocCurve:
    """The whole curve of one class, or of all classes together; a detection must name the right class to be a hit."""
    chosen, n_objects = _chosen(matches, label)
    hits, scores = matches.at(level)[chosen], matches.scores[chosen]
    n_hit, n_called = np.cumsum(hits), np.arange(1, len(hits) + 1)
    ends = np.flatnonzero(np.diff(scores, append=-1.0) != 0)  # equal scores are called together
    total = n_objects.sum()
    return FrocCurve(
        thresholds_prob=scores[ends],
        false_positives_per_image=(n_called - n_hit)[ends] / max(1, matches.n_images),
        sensitivity=n_hit[ends] / total if total else np.full(len(ends), math.nan),
        ppv=n_hit[ends] / n_called[ends],
    )


def froc(
    matches: Matches,
    units: Units = None,
    *,
    level: float = 0.5,
    label: int | None = None,
    rates: tuple[float, ...] = FALSE_POSITIVE_RATES,
    n_resamples: int = 1000,
    seed: int,
) -> Froc:
    """Sensitivity at fixed rates of false positives an image; images without an object count among the images.

    At each rate the lowest threshold is taken that does not exceed it: no interpolation between thresholds, so that
    every figure is one that a clinic can have. Without any object the figures are NaN.
    """
    chosen, n_objects = _chosen(matches, label)
    hits, images = matches.at(level)[chosen], matches.images[chosen]
    ends = np.diff(matches.scores[chosen], append=-1.0) != 0
    weights = unit_weights(units, matches.n_images, n_resamples=n_resamples, seed=seed)
    whole = np.ones((1, matches.n_images), np.uint16)
    value, draws = (_at_rates(w, hits, ends, images, n_objects, rates) for w in (whole, weights))
    n_units, n_ill = n_distinct(unit_index(units, matches.n_images)), n_with(n_objects, units)
    return Froc(
        rates=rates,
        sensitivities=tuple(
            never_certain(percentile(float(value[0, i]), draws[:, i], n_units), n_ill) for i in range(len(rates))
        ),
        mean=never_certain(percentile(float(value[0].mean()), draws.mean(axis=1), n_units), n_ill),
    )


def _at_rates(
    weights: Weights, hits: BoolArray, ends: BoolArray, images: np.ndarray, n_objects: IntArray,
    rates: tuple[float, ...],
) -> FloatArray:  # fmt: skip
    """Sensitivities of every draw, ``(B, R)``; NaN in a draw without an object."""
    found = np.full((len(weights), len(rates)), math.nan)
    for row, weight in zip(found, weights.astype(np.int64), strict=True):
        if not (total := weight @ n_objects):
            continue
        mine = weight[images]
        n_hit, n_false = np.cumsum(mine * hits)[ends], np.cumsum(mine * ~hits)[ends]
        places = np.searchsorted(n_false, np.array(rates) * weight.sum() + 1e-9, side="right")
        row[:] = np.concatenate([[0], n_hit])[places] / total
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AtThreshold:
    """What a locked threshold does: share of objects found, of boxes that are right, and false positives an image."""

    sensitivity: Estimate
    ppv: Estimate
    false_positives_per_image: Estimate


def at_threshold(
    matches: Matches,
    thresholds_prob: FloatArray,
    units: Units = None,
    *,
    level: float = 0.5,
    label: int | None = None,
    n_resamples: int = 1000,
    seed: int,
) -> AtThreshold:
    """Figures at the threshold of each class, ``(K,)``; PPV is NaN where nothing is called."""
    chosen, n_objects = _chosen(matches, label)
    chosen = chosen & (matches.scores >= thresholds_prob[matches.labels])
    images, hits = matches.images[chosen], matches.at(level)[chosen]
    n_hit = np.bincount(images[hits], minlength=matches.n_images)
    n_called = np.bincount(images, minlength=matches.n_images)
    weights = unit_weights(units, matches.n_images, n_resamples=n_resamples, seed=seed).astype(np.float64)
    n_units = n_distinct(unit_index(units, matches.n_images))

    def share(top: np.ndarray, bottom: np.ndarray, high: float) -> Estimate:
        tops, bottoms = weights @ top, weights @ bottom
        draws = np.divide(tops, bottoms, out=np.full(len(weights), math.nan), where=bottoms > 0)
        value = top.sum() / bottom.sum() if bottom.sum() else math.nan
        found = percentile(float(value), draws, n_units, high=high)
        return never_certain(found, n_with(bottom, units)) if high == 1 else found

    return AtThreshold(
        sensitivity=share(n_hit, n_objects, 1.0),
        ppv=share(n_hit, n_called, 1.0),
        false_positives_per_image=share(n_called - n_hit, np.ones(matches.n_images), math.inf),
    )


def best_f1_threshold(matches: Matches, label: int, *, level: float = 0.5) -> float:
    """Threshold of the largest F1 of one class, midway between two scores; 0.5 for a class without an object."""
    curve = froc_curve(matches, level=level, label=label)
    total = sum(curve.ppv + curve.sensitivity) if len(curve.ppv) else 0.0
    if not total > 0:
        return 0.5
    f1 = 2 * curve.ppv * curve.sensitivity / np.maximum(curve.ppv + curve.sensitivity, 1e-12)
    return _midway(curve.thresholds_prob, int(f1.argmax()))


def sensitive_threshold(matches: Matches, label: int, target: float, *, level: float = 0.5) -> float:
    """Highest threshold that finds at least `target` of a class's objects; the lowest one if none does."""
    curve = froc_curve(matches, level=level, label=label)
    if not len(curve.sensitivity):
        return 0.5
    reached = np.flatnonzero(curve.sensitivity >= target - 1e-12)
    return _midway(curve.thresholds_prob, int(reached[0]) if len(reached) else len(curve.sensitivity) - 1)


def _midway(thresholds_prob: FloatArray, i: int) -> float:
    lower = thresholds_prob[i + 1] if i + 1 < len(thresholds_prob) else 0.0
    return float((thresholds_prob[i] + lower) / 2)
