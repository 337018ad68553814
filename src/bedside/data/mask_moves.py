"""Label masks go where their images go: nearest neighbour, for a label between two labels means nothing."""

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray


def nearest(mask: ByteArray, y: FloatArray, x: FloatArray) -> ByteArray:
    """Sample ``(H, W)`` at rows and columns of any equal shape, the border repeated outwards."""
    rows = np.clip(np.floor(y + 0.5).astype(np.int64), 0, mask.shape[0] - 1)
    columns = np.clip(np.floor(x + 0.5).astype(np.int64), 0, mask.shape[1] - 1)
    return mask[rows, columns]


def warped_masks(masks: ByteArray, affine: FloatArray) -> ByteArray:
    """Sample ``(n, H, W)`` where `affine` ``(n, 2, 3)`` (see `bedside.data.augment`) points; 0 outside."""
    height, width = masks.shape[1:]
    y, x = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
    grid = np.stack([y.ravel(), x.ravel(), np.ones(y.size)]).astype(np.float32)
    source = affine.astype(np.float32) @ grid
    rows = np.floor(source[:, 0] + (height - 1) / 2 + 0.5).astype(np.int64)
    columns = np.floor(source[:, 1] + (width - 1) / 2 + 0.5).astype(np.int64)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    places = np.where(inside, rows * width + columns, 0)
    moved = np.take_along_axis(masks.reshape(len(masks), -1), places, axis=1)
    return np.where(inside, moved, np.uint8(0)).reshape(masks.shape)
