"""Boxes around objects, in pixels of the image that they were drawn on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import FloatArray

NO_BOX = -1
"""Label of a row that fills up a shorter list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One object: label, and its first and last-but-one corner; x to the right, y down, both from the upper left."""

    label: int
    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float

    def row(self) -> tuple[float, float, float, float, float]:
        """``label, x0, y0, x1, y1``."""
        return (float(self.label), self.x0_px, self.y0_px, self.x1_px, self.y1_px)


def padded(lists: Sequence[Sequence[Box]]) -> FloatArray:
    """Stack lists of boxes: ``(n, M, 5)`` float32 of ``label, x0, y0, x1, y1``; short lists end in rows of `NO_BOX`."""
    most = max((len(boxes) for boxes in lists), default=0)
    rows = np.full((len(lists), most, 5), float(NO_BOX), np.float32)
    for found, boxes in zip(rows, lists, strict=True):
        for i, box in enumerate(boxes):
            found[i] = box.row()
    return rows
