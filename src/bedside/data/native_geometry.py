"""The way back: a map on the model's grid becomes a map on the grid of the image that was handed in."""

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import ShapeError
from bedside.data.preprocess import Preprocess


def native_map(values: FloatArray, size_px: tuple[int, int], preprocess: Preprocess) -> FloatArray:
    """Undo the letterbox, the squash or the crop: ``(K, height_px, width_px)`` to ``(K, H, W)`` float32.

    Values are interpolated bilinearly (probabilities stay probabilities). What a crop cut off was never seen: there the
    first class, the background, has the value 1 and all others 0.

    Raises
    ------
    ShapeError
        If the preprocessing crops by content or resamples to a spacing, or the map is not of its grid.
    """
    grid = (preprocess.height_px, preprocess.width_px)
    if preprocess.fit == "foreground" or preprocess.spacing_mm is not None:
        raise ShapeError(
            "a map cannot be brought back from a preprocessing that crops by content or resamples to a spacing",
            expected="letterbox, squash or crop, without a spacing",
            hint="choose another fit for segmentation",
        )
    if values.ndim != 3 or values.shape[1:] != grid:
        raise ShapeError(f"a map of {values.shape}", expected=f"(K, {grid[0]}, {grid[1]})", hint="take one image's map")
    if size_px == grid:
        return values.astype(np.float32, copy=False)
    if preprocess.fit == "crop":
        return _uncropped(values, size_px)
    if preprocess.fit == "letterbox":
        values = values[(slice(None), *_filled(size_px, grid))]
    return enlarged(values, size_px)


def native_spacing(
    spacing_mm: tuple[float, float] | None, size_px: tuple[int, int], preprocess: Preprocess
) -> tuple[float, float] | None:
    """Size of a pixel of the model's grid, from that of the image's own; None where it is not known."""
    if spacing_mm is None or size_px == (preprocess.height_px, preprocess.width_px):
        return spacing_mm
    grid = (preprocess.height_px, preprocess.width_px)
    if preprocess.fit == "crop":
        size_px = (min(size_px), min(size_px))
    elif preprocess.fit == "letterbox":
        grid = tuple(part.stop - part.start for part in _filled(size_px, grid))
    height, width = (mm * n / m for mm, n, m in zip(spacing_mm, size_px, grid, strict=True))
    return height, width


def enlarged(values: FloatArray, size_px: tuple[int, int]) -> FloatArray:
    """Resize ``(K, h, w)`` bilinearly to ``(K, H, W)`` float32."""
    from PIL import Image

    def one(plane: FloatArray) -> FloatArray:
        picture = Image.fromarray(np.ascontiguousarray(plane, np.float32))
        return np.asarray(picture.resize((size_px[1], size_px[0]), Image.Resampling.BILINEAR))

    return np.stack([one(plane) for plane in values])


def _filled(size_px: tuple[int, int], grid: tuple[int, int]) -> tuple[slice, slice]:
    """The part of the grid that a letterboxed image fills; the same rounding as `bedside.data.fitting_in`."""
    factor = min(grid[0] / size_px[0], grid[1] / size_px[1])
    rows, columns = (
        slice(start := (n - (m := max(1, round(size * factor)))) // 2, start + m)
        for size, n in zip(size_px, grid, strict=True)
    )
    return rows, columns


def _uncropped(values: FloatArray, size_px: tuple[int, int]) -> FloatArray:
    side = min(size_px)
    top, left = (size_px[0] - side) // 2, (size_px[1] - side) // 2
    whole = np.zeros((len(values), *size_px), np.float32)
    whole[0] = 1.0
    whole[:, top : top + side, left : left + side] = enlarged(values, (side, side))
    return whole


def outline(mask: ByteArray) -> ByteArray:
    """Pixels of ``(H, W)`` labels that border on another label, as 0 and 1: for drawing on an image."""
    edge = np.zeros(mask.shape, bool)
    edge[:-1] |= mask[:-1] != mask[1:]
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    return edge.astype(np.uint8)
