"""Some images of a cohort side by side, with what the reference standard says drawn on them."""

from collections.abc import Sequence

import numpy as np

from bedside.base.arrays import BoolArray, ByteArray
from bedside.base.errors import BedsideError
from bedside.data.case import Case
from bedside.data.fitting_in import letterboxed
from bedside.data.native_geometry import outline

TILE_PX = 96
_COLOUR = (255, 170, 0)


def tile_of(case: Case, pixels: ByteArray) -> ByteArray:
    """Bring pixels ``(H, W)`` or ``(H, W, 3)`` to a tile, boxes and the border of a mask in orange."""
    coloured = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    drawn = _drawn(case, coloured.shape[:2])
    if drawn is not None and drawn.any():
        coloured = coloured.copy()
        coloured[drawn] = _COLOUR
    return letterboxed(coloured, TILE_PX, TILE_PX)


def _drawn(case: Case, size: tuple[int, int]) -> BoolArray | None:
    """Pixels of the lines, ``(H, W)``; as thick as one pixel of the tile. None where nobody drew anything."""
    thick = max(1, round(max(size) / TILE_PX))
    lines = np.zeros(size, bool)
    for box in case.boxes:
        x0, y0, x1, y1 = (round(corner) for corner in (box.x0_px, box.y0_px, box.x1_px, box.y1_px))
        frame = np.zeros(size, bool)
        frame[y0:y1, x0:x1] = True
        frame[y0 + thick : y1 - thick, x0 + thick : x1 - thick] = False
        lines |= frame
    if case.boxes or case.is_volume or case.is_clip:
        return lines
    try:
        mask = case.mask()
    except BedsideError:
        return None
    if mask is None or mask.shape != size:
        return None
    border = outline(mask.astype(np.uint8)) > 0
    for _ in range(thick - 1):
        border[1:] |= border[:-1]
        border[:, 1:] |= border[:, :-1]
    return border


def montage(tiles: Sequence[ByteArray]) -> ByteArray:
    """Tiles in rows of eight, two pixels apart."""
    step, n_across = TILE_PX + 2, 8
    n_down = max(1, -(-len(tiles) // n_across))
    sheet = np.full((n_down * step, min(n_across, max(1, len(tiles))) * step, 3), 32, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = i // n_across * step, i % n_across * step
        sheet[top : top + TILE_PX, left : left + TILE_PX] = tile
    return sheet
