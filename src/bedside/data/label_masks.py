"""Masks of several classes: read as label numbers, and brought to the grid of the model's input."""

from collections.abc import Sequence

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import ShapeError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.masks import coverage
from bedside.data.preprocess import Preprocess
from bedside.data.raster_labels import labels_in, read_mask_values
from bedside.data.volume_targets import label_map_targets


def label_mask(case: Case, task: Task) -> ByteArray:
    """Label numbers of a case, ``(H, W)`` uint8 in 0 to K - 1, at the size of its image.

    With two classes a mask may be stored as 0 and 255 too, or number its objects (`Case.mask_counts_objects`); a case
    without a mask file is background all over.

    Raises
    ------
    ImageError
        If the file cannot be read, or holds a label that is no class of the task.
    ShapeError
        If the mask has another size than its image.
    """
    size, values = case.image().shape[:2], case.mask_pixels
    if case.mask_path is not None:
        values = read_mask_values(case.mask_path)
    if values is None:
        return np.zeros(size, np.uint8)
    if values.shape != size:
        raise ShapeError(
            f"the mask of {case.case_id} is {values.shape}, its image {size}",
            expected="one size",
            hint="export the mask in the frame of the image",
        )
    if case.mask_counts_objects:
        return (values > 0).astype(np.uint8)
    return labels_in(values, task.n_classes, case.case_id)


def mask_targets(cases: Sequence[Case], task: Task, preprocess: Preprocess) -> ByteArray:
    """Label maps in the model's frame, ``(n, height_px, width_px)`` uint8; of volumes see `label_map_targets`.

    A pixel gets the class that covers most of it. A class that a resize would make vanish keeps its most covered pixel.
    """
    if preprocess.depth_px is not None:
        return label_map_targets(cases, task, preprocess)
    stacked = np.zeros((len(cases), preprocess.height_px, preprocess.width_px), np.uint8)
    for row, case in zip(stacked, cases, strict=True):
        row[:] = placed_labels(label_mask(case, task), task.n_classes, preprocess)
    return stacked


def placed_labels(labels: ByteArray, n_classes: int, preprocess: Preprocess) -> ByteArray:
    """Bring ``(H, W)`` label numbers to ``(height_px, width_px)``."""
    if labels.shape == (preprocess.height_px, preprocess.width_px):
        return labels
    covered = np.stack([coverage(labels == k, preprocess) for k in range(1, n_classes)]).astype(np.int64)
    bare = 255 - covered.sum(axis=0)
    found = np.where(covered.max(axis=0) >= np.maximum(bare, 1), covered.argmax(axis=0) + 1, 0).astype(np.uint8)
    for k, share in enumerate(covered, start=1):
        if share.any() and not (found == k).any():
            found[share == share.max()] = k
    return found
