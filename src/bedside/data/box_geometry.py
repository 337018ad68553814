"""Boxes go the way of their images, and come back: the same letterbox, the same size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import ShapeError
from bedside.base.task import Task
from bedside.data.boxes import NO_BOX, padded
from bedside.data.case import Case
from bedside.data.headers import read_header
from bedside.data.preprocess import Preprocess


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """How a preprocessing moves the pixels of one image: scaled, then shifted, along x and y.

    Parameters
    ----------
    scale, shift_px
        ``(x, y)``: model-input pixels for one pixel of the image, and where its corner comes to lie.
    width_px, height_px
        Size of the image itself.
    """

    scale: tuple[float, float]
    shift_px: tuple[float, float]
    width_px: int
    height_px: int

    def forward(self, boxes: FloatArray) -> FloatArray:
        """Boxes ``(m, 4)`` of the image in pixels of the model's input."""
        return boxes * np.tile(self.scale, 2) + np.tile(self.shift_px, 2)

    def back(self, boxes: FloatArray) -> FloatArray:
        """Boxes ``(m, 4)`` of the model's input in pixels of the image, clipped to it."""
        moved = (boxes - np.tile(self.shift_px, 2)) / np.tile(self.scale, 2)
        return np.clip(moved, 0, np.tile((self.width_px, self.height_px), 2))


def placing_of(preprocess: Preprocess, height_px: int, width_px: int) -> Placing:
    """Where a preprocessing puts an image of one size.

    Raises
    ------
    ShapeError
        If it crops or resamples to a spacing: objects at the border would be lost without a word.
    """
    if preprocess.fit not in ("letterbox", "squash") or preprocess.spacing_mm is not None:
        loses = "resamples to a spacing" if preprocess.spacing_mm else "crops"
        raise ShapeError(
            f"boxes cannot follow a preprocessing that {loses}",
            expected="letterbox or squash, without a spacing", hint="choose another fit for detection",
        )  # fmt: skip
    own, wanted = (width_px, height_px), (preprocess.width_px, preprocess.height_px)
    if own == wanted or preprocess.fit == "squash":
        resized = wanted
    else:
        factor = min(big / small for big, small in zip(wanted, own, strict=True))
        resized = (max(1, round(width_px * factor)), max(1, round(height_px * factor)))
    return Placing(
        scale=(resized[0] / width_px, resized[1] / height_px),
        shift_px=(float((wanted[0] - resized[0]) // 2), float((wanted[1] - resized[1]) // 2)),
        width_px=width_px,
        height_px=height_px,
    )


def box_targets(cases: Sequence[Case], task: Task, preprocess: Preprocess) -> FloatArray:
    """Targets of detection, ``(n, M, 5)`` float32: label (-1 fills up), x0, y0, x1, y1 in model-input pixels."""
    rows = padded([case.boxes for case in cases])
    for row, case in zip(rows, cases, strict=True):
        real = row[:, 0] != NO_BOX
        if real.any():
            row[real, 1:] = placing_of(preprocess, *_size_of(case)).forward(row[real, 1:])
    return rows


def _size_of(case: Case) -> tuple[int, int]:
    """Height and width of the picture of a case, from its header where it lies in a file."""
    if case.pixels is None and case.path is not None:
        header = read_header(case.path)
        if header.height and header.width:
            return header.height, header.width
    return case.image().shape[:2]
