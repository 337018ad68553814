"""The operating point of a segmentation: one threshold for one kind of tissue, the most probable class for more."""

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.verify.metrics import softmax
from bedside.verify.operating_point import OperatingPoint, fit_temperature
from bedside.verify.overlap import LabelMaps

THRESHOLDS_PROB = np.arange(0.05, 0.951, 0.01).round(2)
"""Candidates; finer ones would be noise."""

_N_PIXELS = 40_000
LEAST_AREAS_FRAC = (0.0, 0.001, 0.002, 0.004, 0.008)
"""Candidates for the share of an image below which an outline is a speck."""

_N_SMOOTHED = 7
"""Neighbouring thresholds whose Dice is averaged before the best is taken: one case on the brink decides nothing."""


def lock_outlines(
    masks: LabelMaps, outputs: FloatArray, task: Task, *, target_sensitivity: float | None = None
) -> OperatingPoint:
    """Choose the temperature of least loss over pixels, and with two classes the threshold.

    Without `target_sensitivity` it is the threshold of the highest mean Dice on tuning, smoothed over its neighbours,
    together with the share of the image below which an outline is a speck and dropped; with it, the highest threshold
    at which that share of the lesion's pixels is inside, and no speck is dropped.
    """
    temperature = _temperature(masks, outputs)
    if task.n_classes > 2:
        rule = "most probable class of each place"
        return OperatingPoint(temperature=temperature, threshold_prob=None, positive=task.positive, rule=rule)
    inside = softmax(outputs, temperature)[:, task.positive]
    kept, true_size, called = _counts(masks == task.positive, inside)
    least_area = 0.0
    if target_sensitivity is None:
        threshold, least_area = _best_dice(kept, true_size, called, n_places=masks[0].size)
        rule = "highest mean Dice on tuning"
    else:
        threshold = _sensitive(kept, true_size, target_sensitivity)
        rule = f"at least {target_sensitivity:g} of the lesion's pixels inside, on tuning"
    return OperatingPoint(
        temperature=temperature, threshold_prob=threshold, positive=task.positive, rule=rule,
        least_area_frac=least_area,
    )  # fmt: skip


def called_maps(outputs: FloatArray, point: OperatingPoint) -> ByteArray:
    """Class called at every place, ``(n, ...)`` uint8; probabilities are made case by case, to save memory."""
    return np.stack([point.calls(point.probabilities(one[None]))[0].astype(np.uint8) for one in outputs])


def _temperature(masks: LabelMaps, outputs: FloatArray) -> float:
    """Over evenly spread pixels: neighbours say the same."""
    flat = np.moveaxis(outputs, 1, -1).reshape(-1, outputs.shape[1])
    step = max(1, len(flat) // _N_PIXELS)
    return fit_temperature(masks.reshape(-1)[::step].astype(np.int64), flat[::step])


def _counts(truth: LabelMaps, inside: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lesion pixels called at each threshold ``(n, T)``, lesion pixels ``(n, 1)``, pixels called ``(n, T)``."""
    edges = np.concatenate([[-np.inf], THRESHOLDS_PROB, [np.inf]])
    kept, called = [], []
    for is_lesion, prob in zip(truth, inside, strict=True):
        both = [np.histogram(values, edges)[0][::-1].cumsum()[::-1][1:] for values in (prob[is_lesion], prob)]
        kept.append(both[0])
        called.append(both[1])
    return (
        np.array(kept, float),
        truth.reshape(len(truth), -1).sum(axis=1)[:, None].astype(float),
        np.array(called, float),
    )


def _best_dice(kept: FloatArray, true_size: FloatArray, called: FloatArray, *, n_places: int) -> tuple[float, float]:
    """Return threshold and least area; the smaller area where two are as good."""
    tries = []
    for area in LEAST_AREAS_FRAC:
        is_speck = called < area * n_places
        whole = true_size + np.where(is_speck, 0.0, called)
        dice = np.divide(2 * np.where(is_speck, 0.0, kept), whole, out=np.ones(whole.shape), where=whole > 0)
        tries.append(_smoothed(dice.mean(axis=0)))
    scores = np.array(tries)
    row = int(np.flatnonzero(scores.max(axis=1) >= scores.max() - 1e-9)[0])
    return float(THRESHOLDS_PROB[scores[row].argmax()]), LEAST_AREAS_FRAC[row]


def _smoothed(line: FloatArray) -> FloatArray:
    return np.convolve(np.pad(line, _N_SMOOTHED // 2, mode="edge"), np.full(_N_SMOOTHED, 1 / _N_SMOOTHED), mode="valid")


def _sensitive(kept: FloatArray, true_size: FloatArray, target: float) -> float:
    if not true_size.any():
        raise CohortError(
            "no lesion to lock a sensitivity on", expected="masks in the tuning part", hint="add some to it"
        )
    reached = np.flatnonzero(kept.sum(axis=0) / true_size.sum() >= target - 1e-12)
    return float(THRESHOLDS_PROB[reached[-1]]) if len(reached) else float(THRESHOLDS_PROB[0])
