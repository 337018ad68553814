"""Grey operations on colour: the luma is changed, and every channel moves by as much."""

from collections.abc import Callable

import numpy as np

from bedside.base.arrays import ByteArray

_LUMA_PER_MILLE = np.array([299, 587, 114], np.int32)


def luma(colour: ByteArray) -> ByteArray:
    """Luma of ITU-R BT.601 in whole numbers: ``(H, W, 3)`` to ``(H, W)`` uint8."""
    weighted = colour.astype(np.int32) @ _LUMA_PER_MILLE
    return ((weighted + 500) // 1000).astype(np.uint8)


def on_luma(change: Callable[[ByteArray], ByteArray], image: ByteArray) -> ByteArray:
    """Apply a change of grey to ``(H, W)``, or to the luma of ``(H, W, 3)``."""
    if image.ndim == 2:
        return change(image)
    before = luma(image)
    moved = change(before).astype(np.int16) - before
    return np.clip(image.astype(np.int16) + moved[..., None], 0, 255).astype(np.uint8)


def on_channels(change: Callable[[ByteArray], ByteArray], image: ByteArray) -> ByteArray:
    """Apply a change of grey to ``(H, W)``, or to each channel of ``(H, W, 3)``."""
    if image.ndim == 2:
        return change(image)
    return np.stack([change(np.ascontiguousarray(image[..., k])) for k in range(image.shape[2])], axis=-1)
