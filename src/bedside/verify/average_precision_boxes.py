"""Average precision of a detector as COCO defines it, with intervals by patient."""

from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.box_matching import Matches
from bedside.verify.clusters import Units, n_distinct, never_certain, unit_index
from bedside.verify.resampling import Weights, percentile, unit_weights

_RECALLS = np.linspace(0, 1, 101)
_BLOCK_CELLS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxPrecision:
    """Average precision by class, and its mean over the classes that have an object.

    Parameters
    ----------
    by_class
        One a class; NaN for a class without an object, which the mean leaves out.
    """

    mean: Estimate
    by_class: tuple[Estimate, ...] = field(repr=False)


def box_precision(
    matches: Matches, levels: tuple[float, ...], units: Units = None, *, n_resamples: int = 1000, seed: int
) -> BoxPrecision:
    """Mean over `levels` of IoU of the average precision: AP50 is ``(0.5,)``, AP is `IOU_LEVELS`.

    PPV at a sensitivity is the highest PPV at this sensitivity or a larger one, averaged over the sensitivities
    0, 0.01, ..., 1 (Lin et al., ECCV 2014; the rule of pycocotools). Whole patients are resampled; a draw
    without an object of a class leaves that class out, as the whole does.
    """
    weights = unit_weights(units, matches.n_images, n_resamples=n_resamples, seed=seed)
    values, draws = class_precisions(matches, levels)[:, 0], class_precisions(matches, levels, weights)
    n_units = n_distinct(unit_index(units, matches.n_images))
    counts = [n_with(matches.n_objects[:, k], units) for k in range(len(values))]
    mean = percentile(mean_precision(matches, levels), known_mean(draws), n_units)
    return BoxPrecision(
        mean=never_certain(mean, min((n for n in counts if n), default=0)),
        by_class=tuple(
            never_certain(percentile(float(value), drawn, n_units), n)
            for value, drawn, n in zip(values, draws, counts, strict=True)
        ),
    )


def n_with(counts: IntArray, units: Units) -> int:
    """Number of units (patients) with something to count; `counts` is ``(N,)``, one number an image."""
    return n_distinct(unit_index(units, len(counts))[counts > 0])


def mean_precision(matches: Matches, levels: tuple[float, ...]) -> float:
    """Mean over levels and over the classes that have an object, without an interval; NaN if there is none."""
    return float(known_mean(class_precisions(matches, levels))[0])


def class_precisions(matches: Matches, levels: tuple[float, ...], weights: Weights | None = None) -> FloatArray:
    """Average precision of each class in every draw, ``(K, B)``; one draw of every image once where none are given."""
    weights = np.ones((1, matches.n_images), np.uint16) if weights is None else weights
    return np.stack([_of_class(matches, k, levels, weights) for k in range(matches.n_objects.shape[1])])


def known_mean(values: FloatArray) -> FloatArray:
    """Mean along the first axis of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    n = known.sum(axis=0)
    return np.divide(np.where(known, values, 0).sum(axis=0), n, out=np.full(values.shape[1], np.nan), where=n > 0)


def _of_class(matches: Matches, label: int, levels: tuple[float, ...], weights: Weights) -> FloatArray:
    """Average precision of one class in every draw, ``(B,)``."""
    chosen = matches.labels == label
    images = matches.images[chosen]
    n_objects = weights.astype(np.int64) @ matches.n_objects[:, label]
    per_level = [_averages(matches.at(level)[chosen], weights, images, n_objects) for level in levels]
    return np.mean(per_level, axis=0)


def _averages(hits: BoolArray, weights: Weights, images: np.ndarray, n_objects: np.ndarray) -> FloatArray:
    found = np.full(len(weights), np.nan)
    step = max(1, _BLOCK_CELLS // max(1, len(hits)))
    for i in range(0, len(weights), step):
        block = weights[i : i + step][:, images].astype(np.int32)
        n_called, n_hit = np.cumsum(block, axis=1), np.cumsum(block * hits, axis=1)
        ppv = n_hit / np.maximum(n_called, 1)
        best = np.maximum.accumulate(ppv[:, ::-1], axis=1)[:, ::-1]
        for row, (reached, envelope, total) in enumerate(zip(n_hit, best, n_objects[i : i + step], strict=True)):
            if total:
                found[i + row] = _interpolated(reached / total, envelope)
    return found


def _interpolated(sensitivity: FloatArray, envelope: FloatArray) -> float:
    place = np.searchsorted(sensitivity, _RECALLS, side="left")
    inside = place < len(sensitivity)
    return float(envelope[place[inside]].sum() / len(_RECALLS))
