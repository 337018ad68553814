"""Masking for ultrasound: the sector stays, burned-in text, rulers and borders outside it become black."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bedside.base.arrays import BoolArray, ByteArray
from bedside.data.enhance.histogram import refuse_setting
from bedside.data.enhance.luma import luma

_CELLS = 128
_LEAST_SHARE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SectorMask:
    """Black out all but the convex hull of the largest lit region.

    The picture is looked at in about 128 cells a side: a cell is lit if its mean exceeds `threshold`; strokes thinner
    than three cells (letters, rulers) are opened away, holes of up to four are closed. A region of less than a tenth
    of the picture is no sector, and nothing is masked. What is burned into the sector itself stays.
    """

    kind: Literal["sector"] = "sector"
    threshold: int = 8

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < 255:
            raise refuse_setting("a sector mask", f"a threshold of {self.threshold}", "0 to 254")

    def __call__(self, image: ByteArray) -> ByteArray:
        """Mask ``(H, W)`` or ``(H, W, 3)`` uint8."""
        inside = self.inside(image)
        return np.where(inside if image.ndim == 2 else inside[..., None], image, np.uint8(0))

    def inside(self, image: ByteArray) -> BoolArray:
        """Where the sector is, ``(H, W)``; everywhere if none is found."""
        grey = luma(image) if image.ndim == 3 else image
        side = max(1, min(grey.shape) // _CELLS)
        lit = _cell_sums(grey, side) > self.threshold * _cell_sums(np.ones_like(grey), side)
        opened = _dilated(_eroded(lit, 1), 1)
        closed = _eroded(_dilated(np.pad(opened, 2), 2), 2)[2:-2, 2:-2]
        region = _largest(closed)
        if region.sum() * _LEAST_SHARE < region.size:
            return np.ones(grey.shape, bool)
        filled = _hull(_dilated(region, 1))  # opening has rounded its tips off
        return filled.repeat(side, axis=0).repeat(side, axis=1)[: grey.shape[0], : grey.shape[1]]


def _cell_sums(grey: ByteArray, side: int) -> np.ndarray:
    height, width = (-(-n // side) * side for n in grey.shape)
    padded = np.zeros((height, width), np.int64)
    padded[: grey.shape[0], : grey.shape[1]] = grey
    return padded.reshape(height // side, side, width // side, side).sum(axis=(1, 3))


def _dilated(mask: BoolArray, radius: int) -> BoolArray:
    padded = np.pad(mask, radius)
    rows = sum((padded[i : i + len(mask)] for i in range(2 * radius + 1)), np.zeros_like(padded[: len(mask)]))
    return sum((rows[:, i : i + mask.shape[1]] for i in range(2 * radius + 1)), np.zeros_like(mask))


def _eroded(mask: BoolArray, radius: int) -> BoolArray:
    return ~_dilated(~mask, radius)


def _largest(mask: BoolArray) -> BoolArray:
    """The largest of the regions that touch by their sides; the first of equals in reading order."""
    best: list[tuple[int, int]] = []
    waiting = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    for start in sorted(waiting):
        if start not in waiting:
            continue
        waiting.discard(start)
        region = [start]
        for y, x in region:  # grows while it is walked through
            for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if near in waiting:
                    waiting.discard(near)
                    region.append(near)
        best = region if len(region) > len(best) else best
    found = np.zeros_like(mask)
    if best:
        found[tuple(np.array(best).T)] = True
    return found


def _hull(region: BoolArray) -> BoolArray:
    """Fill the convex hull of a region's cells (Andrew's monotone chain, whole numbers)."""
    points = [(int(y), int(x)) for y, x in np.argwhere(region)]
    lower, upper = _chain(points), _chain(points[::-1])
    corners = lower[:-1] + upper[:-1]
    y, x = np.mgrid[0 : region.shape[0], 0 : region.shape[1]]
    inside = np.ones_like(region)
    for (y0, x0), (y1, x1) in zip(corners, corners[1:] + corners[:1], strict=True):
        inside &= (y1 - y0) * (x - x0) - (x1 - x0) * (y - y0) >= 0
    return inside


def _chain(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    chain: list[tuple[int, int]] = []
    for point in points:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
