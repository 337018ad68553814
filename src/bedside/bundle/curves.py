"""The numbers behind the figures: ROC points, a bootstrap band, bins of a reliability diagram."""

from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.verify.intervals import wilson
from bedside.verify.metrics import check_pair

N_BAND_DRAWS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Pointwise 95 % band of a ROC curve over a grid of false-positive rates, each ``(101,)``."""

    grid: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Cases of neighbouring probabilities: what was promised and what came."""

    promised_prob: float
    observed: Estimate


def roc_points(positive: BoolArray, score: FloatArray, weight: IntArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Return false- and true-positive rates from (0, 0) to (1, 1), one point a distinct score.

    Parameters
    ----------
    positive, score
        ``(n,)`` each, with a positive and a negative case at least.
    weight
        How often each case counts, ``(n,)``; once by default.

    Examples
    --------
    >>> fpr, tpr = roc_points(np.array([False, True]), np.array([0.2, 0.8]))
    >>> fpr.tolist(), tpr.tolist()
    ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0])
    """
    check_pair(positive, score)
    order = np.argsort(-score, kind="stable")
    counts = np.ones(len(score), np.int64) if weight is None else weight
    last_of_tie = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum((counts * positive)[order])[last_of_tie]
    false_alarms = np.cumsum((counts * ~positive)[order])[last_of_tie]
    return np.append(0.0, false_alarms / false_alarms[-1]), np.append(0.0, hits / hits[-1])


def roc_band(positive: BoolArray, score: FloatArray, *, seed: int, n_draws: int = N_BAND_DRAWS) -> Band:
    """Bootstrap cases; 2.5th and 97.5th percentile of the true-positive rate at each false-positive rate."""
    check_pair(positive, score)
    rng, n = np.random.default_rng(seed), len(score)
    grid = np.linspace(0, 1, 101)
    curves = []
    for _ in range(n_draws):
        weight = np.bincount(rng.integers(n, size=n), minlength=n)
        if 0 < weight[positive].sum() < n:
            curves.append(np.interp(grid, *roc_points(positive, score, weight)))
    if not curves:
        return Band(grid=grid, low=np.zeros_like(grid), high=np.ones_like(grid))
    low, high = np.percentile(np.stack(curves), [2.5, 97.5], axis=0)
    return Band(grid=grid, low=low, high=high)


def reliability_bins(hit: BoolArray, probability: FloatArray, *, n_bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Cut the cases, sorted by probability, into bins of equal mass; Wilson's interval for each share of hits."""
    check_pair(hit, probability)
    order = np.argsort(probability, kind="stable")
    rows_of_bin = np.array_split(order, min(n_bins, len(order)))
    return tuple(
        ReliabilityBin(promised_prob=float(probability[rows].mean()), observed=wilson(int(hit[rows].sum()), len(rows)))
        for rows in rows_of_bin
    )


def looked_at(task: Task, labels: IntArray, probabilities: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Return hit and probability, ``(n,)`` each: of the positive class with two classes, of the class called with more.

    Parameters
    ----------
    labels, probabilities
        ``(n,)`` and ``(n, K)``.
    """
    if task.is_binary:
        return labels == task.positive, probabilities[:, task.positive]
    return probabilities.argmax(axis=1) == labels, probabilities.max(axis=1)
