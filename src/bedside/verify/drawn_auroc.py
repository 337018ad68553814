"""AUROC of many bootstrap draws at once: the scores are sorted once, the draws only weigh them."""

import math
from collections.abc import Sequence

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.task import Task

_BLOCK = 200  # draws a pass, so that memory stays flat however many cases there are


def draw_weights(draws: Sequence[IntArray], n_rows: int) -> FloatArray:
    """How often each row stands in each draw, ``(n_draws, n)`` float32."""
    return np.stack([np.bincount(rows, minlength=n_rows) for rows in draws]).astype(np.float32)


def drawn_aurocs(task: Task, labels: IntArray, probabilities: FloatArray, weights: FloatArray) -> FloatArray:
    """AUROC as in `bedside.verify.noninferiority.auroc_of`, for each row of `weights`; ``(n_draws,)``.

    NaN where a draw holds one class only.
    """
    if task.is_binary:
        return _weighted(labels == task.positive, probabilities[:, task.positive], weights)
    each = np.stack([_weighted(labels == k, probabilities[:, k], weights) for k in range(task.n_classes)])
    known = ~np.isnan(each)
    total = np.where(known, each, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), math.nan)


def _weighted(positive: BoolArray, score: FloatArray, weights: FloatArray) -> FloatArray:
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(score[order]) > 0))
    found = [_block(positive[order], starts, weights[i : i + _BLOCK, order]) for i in range(0, len(weights), _BLOCK)]
    return np.concatenate(found)


def _block(positive: BoolArray, starts: IntArray, weights: FloatArray) -> FloatArray:
    """Wins of positives over negatives, ties counted half; columns are in the order of the score."""
    ill = np.add.reduceat(weights * positive, starts, axis=1).astype(np.float64)
    well = np.add.reduceat(weights * ~positive, starts, axis=1).astype(np.float64)
    wins = (ill * (np.cumsum(well, axis=1) - well / 2)).sum(axis=1)
    pairs = ill.sum(axis=1) * well.sum(axis=1)
    return np.where(pairs > 0, wins / np.maximum(pairs, 1), math.nan)
