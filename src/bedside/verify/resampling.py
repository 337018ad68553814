"""The bootstrap by patient without re-sorting: each draw is a weight a case, and sorted scores are summed by weight."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, n_distinct, unit_index

Weights = NDArray[np.uint16]
"""How often each case stands in each draw, ``(B, n)``; cases of one unit share theirs."""

_BLOCK_CELLS = 1_000_000


def unit_weights(units: Units, n_cases: int, *, n_resamples: int, seed: int) -> Weights:
    """Weights of the draws that `bedside.verify.intervals.resamples` makes from the same seed, ``(B, n)``."""
    index = unit_index(units, n_cases)
    n_units = n_distinct(index)
    rng = np.random.default_rng(seed)
    weights = np.empty((n_resamples, n_cases), np.uint16)
    for row in weights:
        row[:] = np.bincount(rng.integers(n_units, size=n_units), minlength=n_units)[index]
    return weights


def weights_of(draws: Sequence[IntArray], n_cases: int) -> Weights:
    """Weights from rows of draws."""
    return np.stack([np.bincount(rows, minlength=n_cases) for rows in draws]).astype(np.uint16)


def by_block(weights: Weights, figure: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Apply `figure`, of float64 weights ``(b, n)``, to blocks of draws, so that memory stays flat; ``(B,)``."""
    step = max(1, _BLOCK_CELLS // weights.shape[1])
    blocks = [figure(weights[i : i + step].astype(np.float64)) for i in range(0, len(weights), step)]
    return np.concatenate(blocks)


def _divided(top: FloatArray, bottom: FloatArray) -> FloatArray:
    return np.divide(top, bottom, out=np.full(np.broadcast(top, bottom).shape, math.nan), where=bottom > 0)


def weighted_auroc(positive: BoolArray, score: FloatArray, weights: Weights) -> FloatArray:
    """AUROC of every draw, ``(B,)``; NaN where a draw holds one class only."""
    order = np.argsort(score, kind="stable")
    sick = positive[order]
    starts = np.flatnonzero(np.r_[True, np.diff(np.asarray(score)[order]) != 0])

    def figure(block: FloatArray) -> FloatArray:
        block = block[:, order]
        up = np.add.reduceat(block * sick, starts, axis=1)
        down = np.add.reduceat(block * ~sick, starts, axis=1)
        below = np.cumsum(down, axis=1)
        total = below[:, -1] * up.sum(axis=1)
        return _divided((up * (below - down / 2)).sum(axis=1), total)

    return by_block(weights, figure)


def weighted_average_precision(positive: BoolArray, score: FloatArray, weights: Weights) -> FloatArray:
    """Average precision of every draw, ``(B,)``; NaN where a draw holds no positive."""
    order = np.argsort(-np.asarray(score), kind="stable")
    sick = positive[order]
    starts = np.flatnonzero(np.r_[True, np.diff(np.asarray(score)[order]) != 0])

    def figure(block: FloatArray) -> FloatArray:
        block = block[:, order]
        up = np.add.reduceat(block * sick, starts, axis=1)
        n_called = np.cumsum(np.add.reduceat(block, starts, axis=1), axis=1)
        ppv = np.cumsum(up, axis=1) / np.maximum(n_called, 1)
        return _divided((up * ppv).sum(axis=1), up.sum(axis=1))

    return by_block(weights, figure)


def weighted_calibration_error(
    correct: BoolArray, confidence: FloatArray, weights: Weights, n_bins: int = 15
) -> FloatArray:
    """Equal-mass expected calibration error of every draw, ``(B,)``.

    Along the sorted cases of a draw, a bin's gap is the rise of one running sum between its ends; copies of a case lie
    side by side, so the sum is straight between them.
    """
    order = np.argsort(confidence, kind="stable")
    gap = (np.asarray(correct, np.float64) - confidence)[order]

    def figure(block: FloatArray) -> FloatArray:
        block = block[:, order]
        counts, sums = np.cumsum(block, axis=1), np.cumsum(block * gap, axis=1)
        found = np.empty(len(block))
        for i, (count, total) in enumerate(zip(counts, sums, strict=True)):
            n = int(count[-1])
            k = min(n_bins, n)
            sizes = np.full(k, n // k) + (np.arange(k) < n % k)
            at = np.interp(np.cumsum(sizes), np.r_[0.0, count], np.r_[0.0, total])
            found[i] = np.abs(np.diff(at, prepend=0.0)).sum() / n
        return found

    return by_block(weights, figure)


def weighted_sensitivity_at(
    positive: BoolArray, score: FloatArray, weights: Weights, specificity_frac: float
) -> FloatArray:
    """Share of positives above the lowest threshold that keeps the specificity, in every draw, with pseudo-counts.

    Of Zhou and Qin (Stat Med 2005): half of z squared is added to the hits and z squared to the positives.
    """
    order = np.argsort(-np.asarray(score), kind="stable")
    sick = positive[order]
    ends = np.flatnonzero(np.r_[np.diff(np.asarray(score)[order]) != 0, True])

    def figure(block: FloatArray) -> FloatArray:
        block = block[:, order]
        up = np.cumsum(block * sick, axis=1)[:, ends]
        down = np.cumsum(block * ~sick, axis=1)[:, ends]
        allowed = (1 - specificity_frac) * down[:, -1:] + 1e-9
        n_kept = (down <= allowed).sum(axis=1)
        hits = np.where(n_kept > 0, np.take_along_axis(up, np.maximum(n_kept - 1, 0)[:, None], axis=1)[:, 0], 0.0)
        usable = (down[:, -1] > 0) & (up[:, -1] > 0)
        return np.where(usable, (hits + 1.92073) / (up[:, -1] + 3.84146), math.nan)

    return by_block(weights, figure)


def percentile(value: float, found: FloatArray, n_units: int, *, low: float = 0.0, high: float = 1.0) -> Estimate:
    """Percentile interval from the figures of the draws; undefined draws are left out and counted in the method.

    With a value that is undefined, or no draw that is defined, the interval is [`low`, `high`].
    """
    known = found[~np.isnan(found)]
    if math.isnan(value):
        return blank(n_units, low=low, high=high)
    ends = (low, high) if not len(known) else np.percentile(known, [2.5, 97.5])
    return Estimate(
        value=value, low=float(min(ends[0], value)), high=float(max(ends[1], value)), n_patients=n_units,
        method=f"bootstrap by patient, {len(known)} draws",
    )  # fmt: skip
