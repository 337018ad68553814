"""Temperature and threshold, locked on the tuning part and stored in the bundle."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import CohortError
from bedside.base.jsonform import OMIT_DEFAULT
from bedside.base.task import Task
from bedside.verify.metrics import check_pair, sigmoid, softmax

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """How outputs become a call; outputs are ``(n, K)``, or ``(n, K, ...)`` where each place has its own.

    Parameters
    ----------
    temperature
        Logits are divided by it before the softmax (Guo et al., ICML 2017) or the logistic function.
    threshold_prob
        With two classes: a case at or above it is called positive. None with more classes: the most probable is called.
    rule
        How the threshold was chosen, in words.
    link
        ``softmax`` where one of the K holds, ``sigmoid`` where each holds or not.
    thresholds_prob
        With ``sigmoid``: a threshold for each of the K; empty means `threshold_prob` for all.
    slopes, offsets
        With ``sigmoid``: of each of the K, applied to its logit beside the temperature (Platt 1999); empty means 1, 0.
    least_area_frac
        For maps with a threshold: a case in which a smaller share of all places is called has none called; a speck is
        no lesion.
    """

    temperature: float
    threshold_prob: float | None
    positive: int
    rule: str
    link: Literal["softmax", "sigmoid"] = field(default="softmax", metadata=OMIT_DEFAULT)
    thresholds_prob: tuple[float, ...] = field(default=(), metadata=OMIT_DEFAULT)
    slopes: tuple[float, ...] = field(default=(), metadata=OMIT_DEFAULT)
    offsets: tuple[float, ...] = field(default=(), metadata=OMIT_DEFAULT)
    least_area_frac: float = field(default=0.0, metadata=OMIT_DEFAULT)

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Probabilities of the same shape."""
        if self.link == "sigmoid":
            return sigmoid(self._recalibrated(logits), self.temperature)
        return softmax(logits, self.temperature)

    def calls(self, probabilities: FloatArray) -> IntArray:
        """Class index called, ``(n, ...)``; with ``sigmoid`` 0 or 1 for each class, ``(n, K, ...)``."""
        if self.link == "sigmoid":
            return (probabilities >= self._thresholds(probabilities)).astype(np.int64)
        if self.threshold_prob is None:
            return probabilities.argmax(axis=1)
        is_called = probabilities[:, self.positive] >= self.threshold_prob
        if self.least_area_frac and is_called.ndim > 1:
            places = tuple(range(1, is_called.ndim))
            is_called &= is_called.mean(axis=places, keepdims=True) >= self.least_area_frac
        return np.where(is_called, self.positive, 1 - self.positive)

    def _recalibrated(self, logits: FloatArray) -> FloatArray:
        if not self.slopes:
            return logits
        shape = (1, len(self.slopes), *(1,) * (np.ndim(logits) - 2))
        slopes, offsets = (np.array(each, np.float64).reshape(shape) for each in (self.slopes, self.offsets))
        return np.asarray(logits, np.float64) * slopes + offsets * self.temperature

    def _thresholds(self, probabilities: FloatArray) -> FloatArray:
        n_classes, inner = probabilities.shape[1], (1,) * (probabilities.ndim - 2)
        limits = self.thresholds_prob or (0.5 if self.threshold_prob is None else self.threshold_prob,) * n_classes
        return np.array(limits).reshape(1, n_classes, *inner)


def lock_operating_point(
    labels: IntArray, logits: FloatArray, task: Task, *, target_sensitivity: float | None = None
) -> OperatingPoint:
    """Choose temperature (least NLL) and threshold on tuning outputs.

    With `target_sensitivity` the threshold is the highest one that reaches it; without, the one with the largest
    Youden index. Either is placed midway between two scores, so that a rounding error flips nobody.
    """
    temperature = fit_temperature(labels, logits)
    if not task.is_binary:
        return OperatingPoint(
            temperature=temperature, threshold_prob=None, positive=task.positive, rule="most probable class"
        )
    score = softmax(logits, temperature)[:, task.positive]
    positive = labels == task.positive
    if target_sensitivity is None:
        threshold, rule = youden_threshold(positive, score), "largest Youden index on tuning"
    else:
        threshold = sensitivity_threshold(positive, score, target_sensitivity)
        rule = f"sensitivity of at least {target_sensitivity:g} on tuning"
    return OperatingPoint(temperature=temperature, threshold_prob=threshold, positive=task.positive, rule=rule)


def fit_temperature(labels: IntArray, logits: FloatArray) -> float:
    """Temperature of least negative log-likelihood, by golden-section search over [0.05, 20] on a log scale."""
    check_pair(labels, logits)
    low, high, rows = np.log(0.05), np.log(20.0), np.arange(len(labels))
    shifted = np.asarray(logits, np.float64) - np.max(logits, axis=1, keepdims=True)

    def loss(log_temperature: float) -> float:
        scaled = shifted * np.exp(-log_temperature)  # in logarithms, so that nothing is clipped and the minimum is one
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, labels]).mean())

    for _ in range(40):
        a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if loss(a) <= loss(b):
            high = b
        else:
            low = a
    return round(float(np.exp((low + high) / 2)), 6)


def youden_threshold(positive: BoolArray, score: FloatArray) -> float:
    """Threshold of the largest sensitivity + specificity - 1; the middle of the best gap."""
    candidates = _gaps(score)
    j = np.array([_rate(score[positive] >= t) - _rate(score[~positive] >= t) for t in candidates])
    best = np.flatnonzero(j >= j.max() - 1e-12)
    return float(candidates[best[len(best) // 2]])


def sensitivity_threshold(positive: BoolArray, score: FloatArray, target: float) -> float:
    """Highest threshold at which at least `target` of the positives are called."""
    if not positive.any():
        raise CohortError(
            "no positive case to lock a sensitivity on", expected="positives in the tuning part", hint="add some to it"
        )
    reached = [t for t in _gaps(score) if _rate(score[positive] >= t) >= target - 1e-12]
    return float(max(reached))


def _gaps(score: FloatArray) -> FloatArray:
    """Midpoints between neighbouring scores, and one below the lowest."""
    values = np.unique(score)
    return np.concatenate([[values[0] / 2], (values[1:] + values[:-1]) / 2])


def _rate(called: BoolArray) -> float:
    return float(called.mean()) if len(called) else 0.0
