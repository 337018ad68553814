"""The smallest input that is enough: a small network answers where it is sure, a larger one the rest."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import InputError, ShapeError
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.verify.calibration import mean_estimate
from bedside.verify.clusters import Units, n_distinct, unit_index
from bedside.verify.intervals import N_RESAMPLES, resamples
from bedside.verify.noninferiority import NonInferiority, compare_aurocs
from bedside.verify.proportions import share

_SHARES = tuple(i / 20 for i in range(1, 21))
"""Shares of the cases that stop early, in the order in which they are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """When the small network's answer stands.

    Parameters
    ----------
    threshold_prob
        A case whose calibrated confidence (the largest of its probabilities) is at or above it stops early. None: no
        case stops.
    share_stopped_frac
        On the tuning part.
    tuning
        The verdict on tuning that allowed this threshold; None where no case stops. It was chosen by that verdict: the
        figure that counts is the one on the test part.
    """

    threshold_prob: float | None
    share_stopped_frac: float
    margin: float
    tuning: NonInferiority | None = None

    def __post_init__(self) -> None:
        if self.threshold_prob is not None and not 0 <= self.threshold_prob <= 1:
            raise InputError(
                f"a threshold of {self.threshold_prob}", expected="a confidence from 0 to 1, or None",
                hint="fit the cascade on tuning",
            )  # fmt: skip

    def stops(self, small: FloatArray) -> BoolArray:
        """Whether each case ``(n, K)`` of calibrated probabilities stops early; one that holds NaN never does."""
        if self.threshold_prob is None:
            return np.zeros(len(small), bool)
        return np.isfinite(small).all(axis=1) & (small.max(axis=1) >= self.threshold_prob)

    def probabilities(self, small: FloatArray, large: FloatArray) -> FloatArray:
        """Probabilities ``(n, K)``: the small network's where it stops, else the large one's."""
        return np.where(self.stops(small)[:, None], small, large)


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeJudgement:
    """A locked cascade on cases that it was not chosen on, against the large network alone.

    Parameters
    ----------
    share_stopped
        Cases that the small network answered.
    non_inferiority
        Of the cascade's AUROC, less the large network's.
    small_ms, large_ms, cascade_ms
        Mean measured time of a case; the cascade's is the small one's, and the large one's where it was needed.
    saved_ms
        Large alone less cascade, paired by case; negative where the cascade costs more than it saves.
    """

    share_stopped: Estimate
    non_inferiority: NonInferiority
    small_ms: Estimate
    large_ms: Estimate
    cascade_ms: Estimate
    saved_ms: Estimate


def fit_cascade(
    task: Task,
    labels: IntArray,
    small: FloatArray,
    large: FloatArray,
    *,
    margin: float,
    units: Units = None,
    seed: int = 0,
) -> Cascade:
    """Choose, on tuning, the confidence with the largest saving whose AUROC is non-inferior to the large network's.

    The thresholds at which 5, 10, ... 100 % of the cases stop are tried in that order, and the last before the first
    that is not PASS is taken. Testing in an order set beforehand and ending at the first failure keeps the chance of
    passing any inferior threshold at that of one test (Maurer, Hothorn & Lehmacher 1995; Angelopoulos et al., "Learn
    then Test", 2021, section 3.1). The saving grows with the share that stops, so the last is the largest.

    Parameters
    ----------
    small, large
        Calibrated probabilities ``(n, K)`` of the same cases in the same order. A case of which the small network says
        NaN goes to the large one.
    units
        Patient or group of each case.

    Raises
    ------
    ShapeError
        If the arrays do not fit each other.
    InputError
        If the large network's probabilities are not finite, or the margin is not between 0 and 1.
    """
    _check(labels, small, large)
    comparison = _comparison(labels, margin, units, seed)
    best = Cascade(threshold_prob=None, share_stopped_frac=0.0, margin=margin)
    for threshold in thresholds_of(small):
        tried = Cascade(threshold_prob=threshold, share_stopped_frac=0.0, margin=margin)
        verdict = compare_aurocs(task, labels, tried.probabilities(small, large), large, **comparison)
        if verdict.verdict != "PASS":
            break
        stopped_frac = float(tried.stops(small).mean())
        best = Cascade(threshold_prob=threshold, share_stopped_frac=stopped_frac, margin=margin, tuning=verdict)
    return best


def thresholds_of(small: FloatArray) -> list[float]:
    """Thresholds at which 5, 10, ... 100 % of the cases stop, falling; midway between two confidences.

    Cases of equal confidence stop together, and of one threshold there is one.
    """
    sure = np.sort(small[np.isfinite(small).all(axis=1)].max(axis=1))[::-1]
    found: list[float] = []
    for frac in _SHARES:
        n = min(round(frac * len(small)), len(sure))
        if n < 1:
            continue
        below = sure[sure < sure[n - 1]]
        threshold = float((sure[n - 1] + below[0]) / 2) if len(below) else 0.0
        if not found or threshold < found[-1]:
            found.append(threshold)
    return found


def judge_cascade(
    cascade: Cascade,
    task: Task,
    labels: IntArray,
    small: FloatArray,
    large: FloatArray,
    *,
    small_ms: FloatArray,
    large_ms: FloatArray,
    units: Units = None,
    seed: int = 0,
) -> CascadeJudgement:
    """Judge a locked cascade on the test part.

    Parameters
    ----------
    small_ms, large_ms
        Measured time of each case through either network alone, ``(n,)``.

    Raises
    ------
    ShapeError, InputError
        As `fit_cascade`.
    """
    _check(labels, small, large)
    if not len(small_ms) == len(large_ms) == len(labels):
        raise ShapeError(
            f"{len(small_ms)} and {len(large_ms)} times for {len(labels)} cases", expected="one a case",
            hint="time every case through both",
        )  # fmt: skip
    stopped, index = cascade.stops(small), unit_index(units, len(labels))
    comparison = _comparison(labels, cascade.margin, units, seed)
    of_cascade = small_ms + np.where(stopped, 0.0, large_ms)
    most = float(np.max(small_ms) + np.max(large_ms))
    return CascadeJudgement(
        share_stopped=share(stopped, np.ones(len(labels), bool), index),
        non_inferiority=compare_aurocs(task, labels, cascade.probabilities(small, large), large, **comparison),
        small_ms=mean_estimate(small_ms, index, high=most),
        large_ms=mean_estimate(large_ms, index, high=most),
        cascade_ms=mean_estimate(of_cascade, index, high=most),
        saved_ms=mean_estimate(large_ms - of_cascade, index, low=-most, high=most),
    )


def _comparison(labels: IntArray, margin: float, units: Units, seed: int) -> dict[str, Any]:
    index = unit_index(units, len(labels))
    draws = resamples([str(unit) for unit in index.tolist()], n_resamples=N_RESAMPLES, seed=seed)
    return {"margin": margin, "draws": draws, "n_patients": n_distinct(index), "units": index}


def _check(labels: IntArray, small: FloatArray, large: FloatArray) -> None:
    if small.ndim != 2 or small.shape != large.shape or len(labels) != len(small) or not len(labels):
        raise ShapeError(
            f"{len(labels)} labels, {small.shape} and {large.shape} probabilities",
            expected="(n, K) of the same cases, not empty", hint="run both networks on the same cases",
        )  # fmt: skip
    if not np.isfinite(large).all():
        raise InputError(
            f"the large network says NaN or infinity of {int((~np.isfinite(large).all(axis=1)).sum())} cases",
            expected="finite probabilities", hint="verify its bundle on this machine: bedside verify",
        )  # fmt: skip
