"""Lesion masks go the way of their images: the same crop, the same letterbox, the same size."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bedside.base.arrays import BoolArray, ByteArray
from bedside.base.errors import ShapeError
from bedside.data.case import Case
from bedside.data.preprocess import Preprocess


def place_mask(mask: BoolArray, preprocess: Preprocess) -> BoolArray:
    """Move a mask ``(H, W)`` into the model's frame, ``(height_px, width_px)``.

    A pixel is lesion where at least half of it was; a lesion too small for any such pixel keeps its most covered one,
    for a lesion that a resize makes vanish could never be pointed at.
    """
    covered = coverage(mask, preprocess)
    placed = covered >= 128
    return placed if placed.any() or not covered.any() else covered == covered.max()


def coverage(mask: BoolArray, preprocess: Preprocess) -> ByteArray:
    """How much of each pixel of the model's frame a mask ``(H, W)`` covers, ``(height_px, width_px)``, 0 to 255.

    Raises
    ------
    ShapeError
        If the preprocessing crops by content or resamples to a spacing, so that a mask cannot follow.
    """
    if preprocess.fit == "foreground" or preprocess.spacing_mm is not None:
        raise ShapeError(
            "a mask cannot follow a preprocessing that crops by content or resamples to a spacing",
            expected="letterbox, squash or crop, without a spacing",
            hint="choose another fit where masks shall be compared",
        )
    return replace(preprocess, enhance=()).geometry(np.where(mask, 255, 0).astype(np.uint8))[0]


def stack_masks(cases: Sequence[Case], preprocess: Preprocess) -> BoolArray:
    """Masks of cases in the model's frame, ``(n, height_px, width_px)``; all False where nobody drew one.

    Raises
    ------
    ShapeError
        If a mask has another size than its image.
    """
    stacked = np.zeros((len(cases), preprocess.height_px, preprocess.width_px), bool)
    for row, case in zip(stacked, cases, strict=True):
        mask = case.mask()
        if mask is None:
            continue
        if mask.shape != (size := case.image().shape[:2]):
            raise ShapeError(
                f"the mask of {case.case_id} is {mask.shape}, its image {size}",
                expected="one size",
                hint="export the mask in the frame of the image",
            )
        row[:] = place_mask(mask, preprocess)
    return stacked
