"""A stack of images through one corruption at one severity."""

import zlib
from collections.abc import Callable

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.data.corruptions import CORRUPTIONS


def corrupt(
    images: ByteArray,
    name: str,
    severity: int,
    *,
    seed: int,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> ByteArray:
    """Corrupt ``(n, C, H, W)`` uint8 images into new ones of the same shape; the same seed gives the same images.

    An image meets the same dice at every severity, so that only the strength differs.

    Raises
    ------
    PluginError
        If no corruption has that name.
    """
    kind = CORRUPTIONS.get(name)
    changed = np.empty(images.shape, np.uint8)
    for i, image in enumerate(images):
        change = kind.sample(np.random.default_rng((seed, zlib.crc32(name.encode()), i)), severity)
        changed[i] = as_bytes(change(image.astype(np.float32) / 255))
        tick(i + 1, len(images))
    return changed


def as_bytes(unit: FloatArray) -> ByteArray:
    """Clip to [0, 1] and round to 0-255; what is not a number becomes black."""
    return np.round(np.clip(np.nan_to_num(unit), 0, 1) * 255).astype(np.uint8)
