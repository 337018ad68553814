"""The bootstrap by patient without re-sorting: each draw is a weight a case, and sorted scores are summed by weight."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, n_distinct, unit_index

Weights = NDArray[np.uint16]
"""How often each case stands in each draw, ``(B, n)``; cases of one unit share theirs."""

_BLOCK_CELLS = 500_000


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedDraws:
    """Ranking figures of every draw, each ``(B,)``; NaN where a draw lacks a class that the figure needs."""

    auroc: FloatArray = field(repr=False)
    average_precision: FloatArray = field(repr=False)


def ranked_draws(
    positive: BoolArray,
    score: FloatArray,
    weights: Weights,
    *,
    rows: IntArray | None = None,
) -> RankedDraws:
    """Rank once, then read every draw off running sums of weights.

    Parameters
    ----------
    positive, score
        ``(c,)``, one row a case, or several where `rows` says which case (column of `weights`) each belongs to.
    """
    score = np.asarray(score, np.float64)
    rows = np.arange(len(score)) if rows is None else rows
    up, down = (np.flatnonzero(chosen)[np.argsort(score[chosen], kind="stable")] for chosen in (positive, ~positive))
    table = _Table(
        up=rows[up],
        down=rows[down],
        downs_below=np.searchsorted(score[down], score[up], side="left"),
        downs_upto=np.searchsorted(score[down], score[up], side="right"),
        ups_below=np.searchsorted(score[up], score[up], side="left"),
    )
    step = max(1, _BLOCK_CELLS // max(1, len(score)))
    parts = [_figures(table, weights[i : i + step]) for i in range(0, len(weights), step)]
    areas, precisions = (np.concatenate(found) for found in zip(*parts, strict=True))
    return RankedDraws(auroc=areas, average_precision=precisions)


@dataclass(frozen=True, slots=True)
class _Table:
    """Columns of positives and negatives by rising score, and how many of either lie below each (ties: up to it)."""

    up: IntArray
    down: IntArray
    downs_below: IntArray
    downs_upto: IntArray
    ups_below: IntArray


def _figures(table: _Table, block: Weights) -> tuple[FloatArray, FloatArray]:
    up, down = np.take(block, table.up, axis=1), np.take(block, table.down, axis=1)
    sum_up, sum_down = _running(up), _running(down)
    n_up, n_down = sum_up[:, -1:], sum_down[:, -1:]
    below = np.take(sum_down, table.downs_below, axis=1)
    won = np.einsum("ij,ij->i", up, below + np.take(sum_down, table.downs_upto, axis=1), dtype=np.float64) / 2
    called_up, called_down = n_up - np.take(sum_up, table.ups_below, axis=1), n_down - below
    ppv = called_up / np.maximum(called_up + called_down, 1)
    n_ill = n_up[:, 0].astype(np.float64)
    return _divided(won, n_ill * n_down[:, 0]), _divided(np.einsum("ij,ij->i", up, ppv), n_ill)


def _running(block: Weights) -> IntArray:
    """Sums of the first 0, 1, ... columns, ``(b, c + 1)``."""
    sums = np.zeros((block.shape[0], block.shape[1] + 1), np.int32)
    np.cumsum(block, axis=1, out=sums[:, 1:])
    return sums  # type: ignore[return-value]


def _divided(top: FloatArray, bottom: FloatArray) -> FloatArray:
    return np.divide(top, bottom, out=np.full(len(top), math.nan), where=bottom > 0)


def weighted_calibration_error(
    correct: BoolArray, confidence: FloatArray, weights: Weights, n_bins: int = 15
) -> FloatArray:
    """Equal-mass expected calibration error of every draw, ``(B,)``.

    Along the sorted cases of a draw, a bin's gap is the rise of one running sum between its ends; copies of a case lie
    side by side, so the sum is straight between them.
    """
    order = np.argsort(confidence, kind="stable")
    gap = (np.asarray(correct, np.float64) - confidence)[order]
    found = np.empty(len(weights))
    for i, row in enumerate(weights):
        weight = row[order].astype(np.float64)
        count, total = np.cumsum(weight), np.cumsum(weight * gap)
        n = int(count[-1])
        k = min(n_bins, n)
        sizes = np.full(k, n // k) + (np.arange(k) < n % k)
        at = np.interp(np.cumsum(sizes), np.r_[0.0, count], np.r_[0.0, total])
        found[i] = np.abs(np.diff(at, prepend=0.0)).sum() / n
    return found


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
