"""How far two label maps overlap: Dice, IoU and error of size of each class, for ``(H, W)`` or ``(D, H, W)`` alike.

Empty masks follow Metrics Reloaded (Maier-Hein et al., Nat Methods 2024): where reference and answer are both without
a class the answer is perfect (1); where one of them is, it is as wrong as can be (0). See `EMPTY_MASKS`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import ShapeError

LabelMaps = NDArray[Any]
"""Label numbers, ``(n, H, W)`` or ``(n, D, H, W)``, integers from 0 (background) to K - 1."""

EMPTY_MASKS = (
    "a class that neither the reference nor the answer has in an image counts as perfect (Dice, IoU and surface score "
    "1, distance 0)",
    "a class that only one of them has counts as wholly wrong (Dice, IoU and surface score 0, distance: the diagonal "
    "of the image)",
    "the relative error of size is left out where the reference lacks the class",
)
"""Conventions in words, for reports."""


def class_tables(truth: LabelMaps, called: LabelMaps, n_classes: int) -> IntArray:
    """Count pixels by true and called class in each case, ``(n, K, K)`` as ``[case][true][called]``.

    Raises
    ------
    ShapeError
        If the shapes differ or nothing is in them, or a label is outside 0 to K - 1.
    """
    if truth.shape != called.shape or truth.ndim < 2 or not truth.size:
        raise ShapeError(
            f"label maps of {truth.shape} and {called.shape}",
            expected="two equal (n, H, W) or (n, D, H, W), not empty",
            hint="bring both to one grid",
        )
    highest = max(int(truth.max()), int(called.max()))
    if highest >= n_classes or min(int(truth.min()), int(called.min())) < 0:
        raise ShapeError(
            f"a label map with the label {highest}",
            expected=f"0 to {n_classes - 1}",
            hint="check the task's classes",
        )
    n = len(truth)
    pairs = truth.reshape(n, -1).astype(np.int64) * n_classes + called.reshape(n, -1)
    pairs += np.arange(n)[:, None] * n_classes**2
    counts = np.bincount(pairs.ravel(), minlength=n * n_classes**2)
    return counts.reshape(n, n_classes, n_classes)


def dice_of(tables: IntArray) -> FloatArray:
    """Dice of every class but the background, ``(n, K - 1)``, from `class_tables` (Dice, Ecology 1945).

    Examples
    --------
    >>> truth, called = np.array([[[0, 1], [1, 1]]]), np.array([[[0, 0], [1, 1]]])
    >>> dice_of(class_tables(truth, called, 2)).tolist()
    [[0.8]]
    """
    both, in_truth, in_call = _sizes(tables)
    return _share(2 * both, in_truth + in_call)


def iou_of(tables: IntArray) -> FloatArray:
    """Intersection over union of every class but the background, ``(n, K - 1)`` (Jaccard, 1901)."""
    both, in_truth, in_call = _sizes(tables)
    return _share(both, in_truth + in_call - both)


def size_error_of(tables: IntArray) -> FloatArray:
    """Signed relative error of area or volume, called less true over true, ``(n, K - 1)``; NaN without the class."""
    _, in_truth, in_call = _sizes(tables)
    known = in_truth > 0
    return np.divide(in_call - in_truth, in_truth, out=np.full(in_truth.shape, np.nan), where=known)


def sizes_of(tables: IntArray) -> tuple[IntArray, IntArray]:
    """Pixels (voxels) of every class but the background: true and called, each ``(n, K - 1)``."""
    return _sizes(tables)[1:]


def present_in(tables: IntArray) -> BoolArray:
    """Whether the reference has the class, ``(n, K - 1)``."""
    return _sizes(tables)[1] > 0


def _sizes(tables: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    diagonal = np.diagonal(tables, axis1=1, axis2=2)
    return diagonal[:, 1:], tables.sum(axis=2)[:, 1:], tables.sum(axis=1)[:, 1:]


def _share(part: IntArray, whole: IntArray) -> FloatArray:
    """Return part over whole; 1 where both are nought, for nothing was to be found and nothing was."""
    return np.divide(part, whole, out=np.ones(part.shape), where=whole > 0)
