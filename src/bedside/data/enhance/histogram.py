"""Contrast: percentile stretch, histogram equalization, and its contrast-limited adaptive kind."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bedside.base.arrays import ByteArray, IntArray
from bedside.base.errors import InputError
from bedside.data.enhance.luma import on_luma


def refuse_setting(step: str, setting: str, expected: str) -> InputError:
    """Make the error of an enhancement step with a nonsensical setting."""
    return InputError(f"{step} with {setting}", expected=expected, hint="correct the preprocessing")


def _counts(grey: ByteArray) -> IntArray:
    return np.bincount(grey.ravel(), minlength=256).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class StretchPercentiles:
    """Map a low percentile to 0 and a high one to 255, in between on a line."""

    kind: Literal["percentiles"] = "percentiles"
    low_percent: float = 1.0
    high_percent: float = 99.0

    def __post_init__(self) -> None:
        if not 0 <= self.low_percent < self.high_percent <= 100:
            raise refuse_setting(
                "a stretch", f"percentiles {self.low_percent} and {self.high_percent}", "0 <= low < high <= 100"
            )

    def __call__(self, image: ByteArray) -> ByteArray:
        """Stretch ``(H, W)`` or ``(H, W, 3)`` uint8; a picture without a range stays as it is."""
        return on_luma(self._stretch, image)

    def _stretch(self, grey: ByteArray) -> ByteArray:
        below = np.cumsum(_counts(grey))
        # The smallest value that at least this share of the pixels does not exceed, counted in thousandths of a percent
        low, high = (
            int(np.searchsorted(below * 100_000, round(percent * 1000) * grey.size))
            for percent in (self.low_percent, self.high_percent)
        )
        if high <= low:
            return grey
        steps = np.clip(np.arange(256) - low, 0, high - low)
        return ((steps * 510 + (high - low)) // (2 * (high - low))).astype(np.uint8)[grey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equalize:
    """Histogram equalization: equal shares of the pixels get equal shares of the grey scale."""

    kind: Literal["equalize"] = "equalize"

    def __call__(self, image: ByteArray) -> ByteArray:
        """Equalize ``(H, W)`` or ``(H, W, 3)`` uint8; a constant picture stays as it is."""
        return on_luma(_equalize, image)


def _equalize(grey: ByteArray) -> ByteArray:
    counts = _counts(grey)
    first = int(counts[np.flatnonzero(counts)[0]])
    rest = grey.size - first
    if not rest:
        return grey
    risen = np.maximum(np.cumsum(counts) - first, 0)
    return ((risen * 510 + rest) // (2 * rest)).astype(np.uint8)[grey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clahe:
    """Contrast-limited adaptive histogram equalization (Zuiderveld, Graphics Gems IV, 1994), as OpenCV arranges it.

    Parameters
    ----------
    tiles
        Tiles along each side; fewer where the picture has fewer pixels.
    clip_limit
        No grey level of a tile counts more than this many times its fair share (1/256); the excess is spread over all.
    """

    kind: Literal["clahe"] = "clahe"
    tiles: int = 8
    clip_limit: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.tiles <= 64 or not 0 < self.clip_limit <= 256:
            raise refuse_setting("CLAHE", f"{self.tiles} tiles and a limit of {self.clip_limit}", "1-64, 0-256")

    def __call__(self, image: ByteArray) -> ByteArray:
        """Equalize ``(H, W)`` or ``(H, W, 3)`` uint8."""
        return on_luma(self._adapt, image)

    def _adapt(self, grey: ByteArray) -> ByteArray:
        n_down, n_across = min(self.tiles, grey.shape[0]), min(self.tiles, grey.shape[1])
        height, width = -(-grey.shape[0] // n_down), -(-grey.shape[1] // n_across)
        spare = (0, height * n_down - grey.shape[0]), (0, width * n_across - grey.shape[1])
        padded = np.pad(grey, spare, mode="reflect" if min(grey.shape) > max(spare[0][1], spare[1][1]) else "edge")
        tables = self._tables(padded, n_down, n_across, height, width)
        rows = _between_tiles(grey.shape[0], height, n_down)
        columns = _between_tiles(grey.shape[1], width, n_across)
        return _blended(grey, tables, rows, columns, 2 * height, 2 * width)

    def _tables(self, padded: ByteArray, n_down: int, n_across: int, height: int, width: int) -> IntArray:
        """Grey level to grey level, one table a tile: ``(n_down, n_across, 256)``."""
        tiles = padded.reshape(n_down, height, n_across, width).transpose(0, 2, 1, 3).reshape(-1, height * width)
        size = height * width
        limit = max(1, int(self.clip_limit * size / 256))
        tables = np.empty((len(tiles), 256), np.int64)
        for table, tile in zip(tables, tiles, strict=True):
            counts = _counts(tile)
            excess = int(np.maximum(counts - limit, 0).sum())
            counts = np.minimum(counts, limit) + excess // 256
            left = excess % 256
            if left:
                counts[:: max(256 // left, 1)][:left] += 1
            table[:] = np.minimum((np.cumsum(counts) * 510 + size) // (2 * size), 255)
        return tables.reshape(n_down, n_across, 256)


def _between_tiles(n_pixels: int, size: int, n_tiles: int) -> tuple[IntArray, IntArray, IntArray]:
    """For each pixel the tile before, the tile after, and the weight of the latter in units of 1 / (2 size)."""
    place = 2 * np.arange(n_pixels, dtype=np.int64) - size
    before = place // (2 * size)
    weight = place - before * 2 * size
    return np.maximum(before, 0), np.minimum(before + 1, n_tiles - 1), weight


def _blended(
    grey: ByteArray,
    tables: IntArray,
    rows: tuple[IntArray, IntArray, IntArray],
    columns: tuple[IntArray, IntArray, IntArray],
    unit_down: int,
    unit_across: int,
) -> ByteArray:
    """Bilinear interpolation between the answers of four tiles, in whole numbers, rounded half up."""
    flat = tables.astype(np.int32).ravel()
    n_across = tables.shape[1]
    total = np.zeros(grey.shape, np.int64)
    for row, down in ((rows[0], unit_down - rows[2]), (rows[1], rows[2])):
        for column, across in ((columns[0], unit_across - columns[2]), (columns[1], columns[2])):
            start = (row[:, None] * n_across + column[None, :]) * 256
            total += np.take(flat, start + grey) * (down[:, None] * across[None, :])
    whole = unit_down * unit_across
    return ((2 * total + whole) // (2 * whole)).astype(np.uint8)
