"""Probabilities and thresholds of findings that may be there together, locked on tuning finding by finding."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.verify.marks import UNKNOWN, check_marks
from bedside.verify.operating_point import sensitivity_threshold, youden_threshold

_MAX_STEPS = 60
_NO_THRESHOLD_PROB = 0.5
"""Of a finding that the tuning part cannot rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platt:
    """``sigmoid(slope * logit + offset)``: a probability that matches frequencies (Platt 1999).

    One slope and one offset a finding, because weighting the rare findings in training moves the probabilities of each
    by another amount, which no single temperature brings back.
    """

    slope: float
    offset: float


def fit_platt(positive: BoolArray, logits: FloatArray) -> Platt:
    """Logistic regression of truth on the logit by Newton's steps, with Platt's smoothed targets.

    The targets ``(P + 1) / (P + 2)`` and ``1 / (N + 2)`` keep the fit finite where the classes are separable. A slope
    that would not be positive turns the order of the cases round: then it stays 1 and only the offset is fitted, as it
    is with one class only.
    """
    n_up, n_down = int(positive.sum()), int((~positive).sum())
    target = np.where(positive, (n_up + 1) / (n_up + 2), 1 / (n_down + 2))
    x = np.asarray(logits, np.float64)
    scale = float(x.std()) or 1.0
    if n_up and n_down:
        slope, offset = _newton(np.column_stack([x / scale, np.ones(len(x))]), target, np.zeros(len(x)))
        if slope > 0:
            return Platt(slope=round(slope / scale, 6), offset=round(offset, 6))
    (offset,) = _newton(np.ones((len(x), 1)), target, x)
    return Platt(slope=1.0, offset=round(offset, 6))


def _newton(design: FloatArray, target: FloatArray, start: FloatArray) -> tuple[float, ...]:
    """Coefficients of least cross-entropy; steps are halved until it falls."""
    beta = np.zeros(design.shape[1])

    def loss(at: FloatArray) -> float:
        z = design @ at + start
        return float((np.logaddexp(0, z) - target * z).sum())

    now = loss(beta)
    for _ in range(_MAX_STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ beta + start, -500, 500)))
        curvature = (design * (p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(len(beta))
        step = np.linalg.solve(curvature, design.T @ (target - p))
        size = 1.0
        while size > 1e-6 and loss(beta + size * step) > now:
            size /= 2
        beta = beta + size * step
        before, now = now, loss(beta)
        if before - now < 1e-10:
            break
    return tuple(float(b) for b in beta)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedMarks:
    """Per finding: how a logit becomes a probability, from which probability on it is called, and how that was set."""

    platts: tuple[Platt, ...]
    thresholds_prob: tuple[float, ...]
    rule: str


def lock_marks(
    marks: IntArray, logits: FloatArray, names: Sequence[str], *, target_sensitivity: float | None = None
) -> LockedMarks:
    """Fit the probability and choose the threshold of each finding on tuning outputs; unknown marks are left out.

    With `target_sensitivity` a threshold is the highest that reaches it; without, the one with the largest Youden
    index. A finding that is never there, or always, cannot have one: 0.5 is taken, and the rule names it.

    Parameters
    ----------
    marks, logits
        ``(n, K)``.
    """
    check_marks(marks, logits)
    platts, thresholds, without = [], [], []
    for k, name in enumerate(names):
        known = marks[:, k] != UNKNOWN
        positive, logit = marks[known, k] == 1, np.asarray(logits[known, k], np.float64)
        can = 0 < positive.sum() < len(positive)
        platt = fit_platt(positive, logit) if len(logit) else Platt(slope=1.0, offset=0.0)
        platts.append(platt)
        without += [] if can else [name]
        thresholds.append(_threshold(positive, scaled(logit, platt), target_sensitivity) if can else _NO_THRESHOLD_PROB)
    return LockedMarks(platts=tuple(platts), thresholds_prob=tuple(thresholds), rule=_rule(target_sensitivity, without))


def scaled(logits: FloatArray, platt: Platt) -> FloatArray:
    """Probabilities of one finding, float64, of the same shape."""
    z = platt.slope * np.asarray(logits, np.float64) + platt.offset
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, small) / (1.0 + small)


def _threshold(positive: BoolArray, probability: FloatArray, target: float | None) -> float:
    if target is None:
        return youden_threshold(positive, probability)
    return sensitivity_threshold(positive, probability, target)


def _rule(target: float | None, without: Sequence[str]) -> str:
    how = "largest Youden index" if target is None else f"sensitivity of at least {target:g}"
    bare = f"; 0.5 for {', '.join(without)}, which tuning does not show both with and without" if without else ""
    return f"{how} on tuning, finding by finding{bare}"


def mark_loss(marks: IntArray, logits: FloatArray) -> float:
    """Mean binary cross-entropy of the known cells, in nats; NaN where nothing is known."""
    check_marks(marks, logits)
    known = marks != UNKNOWN
    if not known.any():
        return math.nan
    z = np.asarray(logits, np.float64)[known]
    return float((np.logaddexp(0, z) - (marks[known] == 1) * z).mean())
