"""What the maps of a centre detector mean: one place for training, verification and the bedside.

A detector answers ``(N, K + 4, h, w)``, one cell for `STRIDE_PX` x `STRIDE_PX` input pixels. First come K heat maps
(logits, one a kind of object, high at the centres of objects; Zhou et al., "Objects as points", arXiv:1904.07850), then
where the box lies that a cell speaks for: the offset of its centre from the cell's, x and y, and the logarithm of its
width and height. int8 knows one scale for the whole tensor, so that offsets and sizes are stretched to the range that
logits have, about -10 to 10: a step of 20/255 is then 0.6 px of offset and 2 % of size.
"""

import math

import numpy as np

from bedside.base.arrays import FloatArray

STRIDE_PX = 4
"""Input pixels a cell, along either side."""

OFFSET_UNIT_PX = 8.0
"""Pixels of offset that a map value of 1 stands for."""

LOG_SIZE_UNIT = 0.25
"""Logarithm of size that a map value of 1 stands for."""

BOX_CHANNELS = 4
_LARGEST_MAP_VALUE = 16.0


def base_size_px(height_cells: int, width_cells: int) -> float:
    """Box side that a map value of 0 stands for: an eighth of the image's mean side."""
    return math.sqrt(height_cells * width_cells) * STRIDE_PX / 8


def boxes_of_maps(maps: FloatArray) -> FloatArray:
    """Boxes ``(N, h, w, 4)`` of every cell: x0, y0, x1, y1 in model-input pixels; `maps` is ``(N, K + 4, h, w)``."""
    height, width = maps.shape[2:]
    dx, dy, log_w, log_h = np.moveaxis(maps[:, -BOX_CHANNELS:].astype(np.float64), 1, 0)
    x = (np.arange(width) + 0.5) * STRIDE_PX + dx * OFFSET_UNIT_PX
    y = (np.arange(height)[:, None] + 0.5) * STRIDE_PX + dy * OFFSET_UNIT_PX
    base = base_size_px(height, width)
    half_w, half_h = (
        base / 2 * np.exp(np.clip(log, -_LARGEST_MAP_VALUE, _LARGEST_MAP_VALUE) * LOG_SIZE_UNIT)
        for log in (log_w, log_h)
    )
    return np.stack([x - half_w, y - half_h, x + half_w, y + half_h], axis=-1)
