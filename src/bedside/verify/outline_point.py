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
_NEAR_BEST = 1e-3
"""Thresholds whose Dice is this close to the best are as good; the middle one of them is the safest."""


def lock_outlines(
    masks: LabelMaps, outputs: FloatArray, task: Task, *, target_sensitivity: float | None = None
) -> OperatingPoint:
    """Choose the temperature of least loss over pixels, and with two classes the threshold.

    Without `target_sensitivity` it is the threshold of the highest mean Dice on tuning (the middle of those as good);
    with it, the highest one at which that share of the lesion's pixels is inside.
    """
    temperature = _temperature(masks, outputs)
    if task.n_classes > 2:
        rule = "most probable class of each place"
        return OperatingPoint(temperature=temperature, threshold_prob=None, positive=task.positive, rule=rule)
    inside = softmax(outputs, temperature)[:, task.positive]
    kept, true_size, called = _counts(masks == task.positive, inside)
    if target_sensitivity is None:
        threshold, rule = _best_dice(kept, true_size, called), "highest mean Dice on tuning"
    else:
        threshold = _sensitive(kept, true_size, target_sensitivity)
        rule = f"at least {target_sensitivity:g} of the lesion's pixels inside, on tuning"
    return OperatingPoint(temperature=temperature, threshold_prob=threshold, positive=task.positive, rule=rule)


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


def _best_dice(kept: FloatArray, true_size: FloatArray, called: FloatArray) -> float:
    whole = true_size + called
    dice = np.divide(2 * kept, whole, out=np.ones(whole.shape), where=whole > 0).mean(axis=0)
    best = np.flatnonzero(dice >= dice.max() - _NEAR_BEST)
    return float(THRESHOLDS_PROB[best[len(best) // 2]])


def _sensitive(kept: FloatArray, true_size: FloatArray, target: float) -> float:
    if not true_size.any():
        raise CohortError(
            "no lesion to lock a sensitivity on", expected="masks in the tuning part", hint="add some to it"
        )
    reached = np.flatnonzero(kept.sum(axis=0) / true_size.sum() >= target - 1e-12)
    return float(THRESHOLDS_PROB[reached[-1]]) if len(reached) else float(THRESHOLDS_PROB[0])
