"""Normalization by the statistics of the image or volume itself."""

from typing import Literal

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray

Normalization = Literal["fixed", "z_score", "unit"]


def by_its_own(pixels: ByteArray, normalization: Normalization, *, n_axes: int) -> FloatArray:
    """Shift and scale by the image's own statistics; sums are whole numbers, so that every machine agrees.

    Parameters
    ----------
    n_axes
        How many of the last axes have statistics of their own: 3 of an image ``(C, H, W)``, and 3 of a volume, so that
        each modality ``(D, H, W)`` has its own.
    """
    axes = tuple(range(max(0, pixels.ndim - n_axes), pixels.ndim))
    if normalization == "unit":
        low = pixels.min(axis=axes, keepdims=True).astype(np.float32)
        spread = pixels.max(axis=axes, keepdims=True).astype(np.float32) - low
        return (pixels.astype(np.float32) - low) / np.maximum(spread, np.float32(1))
    n = int(np.prod([pixels.shape[axis] for axis in axes]))
    total = pixels.sum(axis=axes, keepdims=True, dtype=np.int64)
    squares = np.square(pixels, dtype=np.int64).sum(axis=axes, keepdims=True)
    deviation = np.sqrt((n * squares - total * total).astype(np.float64)) / n
    mean = (total / n).astype(np.float32)
    return (pixels.astype(np.float32) - mean) / np.maximum(deviation, 1.0).astype(np.float32)
