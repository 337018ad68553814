"""Maps become masks on the grid of the image that was handed in, with what can be measured of them."""

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.data.native_geometry import native_map
from bedside.data.preprocess import Preprocess
from bedside.serve.answers import Block, Waiting
from bedside.serve.outline_measures import outlined
from bedside.serve.prediction import REFER, Prediction
from bedside.serve.volume_outlines import volume_mask
from bedside.verify.operating_point import OperatingPoint


def outline_answers(block: Block) -> list[Prediction]:
    """One mask an image, at the locked operating point; an image that is referred gets none.

    `Prediction.probabilities` are the highest that any place has for each class (of the background: the lowest);
    `called` is the class of the largest area, or the background where nothing is outlined.
    """
    return [_prediction(block, item, refer) for item, refer in zip(block.items, block.refers, strict=True)]


def _prediction(block: Block, item: Waiting, refer: str) -> Prediction:
    task, point = block.task, block.point
    probabilities = point.probabilities(item.logits)[0]
    mask = _mask(block.preprocess, item, probabilities, point)
    areas = np.bincount(mask.ravel(), minlength=task.n_classes)[1:]
    found = [k for k in range(1, task.n_classes) if areas[k - 1]]
    largest = 1 + int(areas.argmax()) if found else 0
    return Prediction(
        file=item.file,
        called=REFER if refer else task.classes[largest],
        is_positive=None if refer else task.positive in found,
        probabilities=_highest(probabilities),
        classes=task.classes,
        positive=task.positive_name,
        threshold_prob=point.threshold_prob,
        refer=refer,
        marks=() if refer else tuple(task.classes[k] for k in found),
        mask=None if refer else mask,
        outlined=() if refer else outlined(mask, task.classes, item.spacing_mm),
    )


def _mask(preprocess: Preprocess, item: Waiting, probabilities: FloatArray, point: OperatingPoint) -> ByteArray:
    if preprocess.depth_px is not None:
        return volume_mask(item.logits, preprocess, item.raw.shape, item.spacing_mm, point)
    return native_mask(probabilities, item.raw.shape[:2], preprocess, point)


def native_mask(
    probabilities: FloatArray, size_px: tuple[int, int], preprocess: Preprocess, point: OperatingPoint
) -> ByteArray:
    """Call every pixel of the image itself, ``(H, W)`` uint8, from probabilities on the model's grid ``(K, h, w)``.

    Whether there is more than a speck is decided on the model's grid, where it was locked.
    """
    if not point.calls(probabilities[None]).any():
        return np.zeros(size_px, np.uint8)
    native = native_map(probabilities, size_px, preprocess)
    return point.calls(native[None])[0].astype(np.uint8)


def _highest(probabilities: FloatArray) -> tuple[float, ...]:
    flat = probabilities.reshape(len(probabilities), -1)
    return (float(flat[0].min()), *(float(value) for value in flat[1:].max(axis=1)))
