"""Figures of merit, as bare numbers; `bedside.verify.intervals` turns them into estimates."""

import math

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import ShapeError


def check_pair(first: np.ndarray, second: np.ndarray) -> None:
    """Refuse arrays that differ in length or are empty: silence must not read as agreement."""
    if len(first) != len(second) or not len(first):
        raise ShapeError(
            f"got {first.shape} and {second.shape}",
            expected="two arrays of one length, not empty",
            hint="take both from one list of cases",
        )


def ranks(values: FloatArray) -> FloatArray:
    """Mid-ranks from 1, ties shared; ``(n,)``."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def auroc(positive: BoolArray, score: FloatArray) -> float:
    """Area under the ROC curve by the Mann-Whitney statistic; NaN with one class only.

    Examples
    --------
    >>> auroc(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    check_pair(positive, score)
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return math.nan
    rank_sum = ranks(score)[positive].sum()
    return float((rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def macro_auroc(labels: IntArray, probabilities: FloatArray) -> float:
    """Mean of one-against-the-rest AUROCs over the classes that occur; ``(n,)`` and ``(n, K)``."""
    check_pair(labels, probabilities)
    areas = [auroc(labels == k, probabilities[:, k]) for k in range(probabilities.shape[1])]
    known = [area for area in areas if not math.isnan(area)]
    return float(np.mean(known)) if known else math.nan


def softmax(logits: FloatArray, temperature: float = 1.0) -> FloatArray:
    """Probabilities ``(n, K, ...)`` from logits ``(n, K, ...)``, float64; they sum to one over K."""
    scaled = np.asarray(logits, np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    weights = np.exp(scaled)
    return weights / weights.sum(axis=1, keepdims=True)


def sigmoid(logits: FloatArray, temperature: float = 1.0) -> FloatArray:
    """Probabilities from logits, each for itself, float64; without overflow at either end."""
    scaled = np.asarray(logits, np.float64) / temperature
    small = np.exp(-np.abs(scaled))
    return np.where(scaled >= 0, 1.0, small) / (1.0 + small)


def brier_score(labels: IntArray, probabilities: FloatArray) -> float:
    """Brier (1950) score; with two classes the usual one-column form, so that 0.25 is a coin."""
    check_pair(labels, probabilities)
    truth = np.eye(probabilities.shape[1])[labels]
    total = ((probabilities - truth) ** 2).sum(axis=1).mean()
    return float(total / 2 if probabilities.shape[1] == 2 else total)


def expected_calibration_error(correct: BoolArray, confidence: FloatArray, n_bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass (Nixon et al., CVPR workshops 2019)."""
    check_pair(correct, confidence)
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, min(n_bins, len(order)))
    gaps = [len(rows) * abs(correct[rows].mean() - confidence[rows].mean()) for rows in bins if len(rows)]
    return float(sum(gaps) / len(correct))


def negative_log_likelihood(labels: IntArray, probabilities: FloatArray) -> float:
    """Mean negative log-likelihood, in nats."""
    check_pair(labels, probabilities)
    return float(-np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1)).mean())
