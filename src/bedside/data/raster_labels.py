"""Values in a mask file, and the label numbers that they stand for."""

from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import ImageError
from bedside.data.reading import read_image

FULL = 128
"""From here on a value means "inside" in a mask of 0 and 255, so that the noise of a JPEG does not count."""


def read_mask_values(path: Path) -> ByteArray:
    """Grey values of a mask, ``(H, W)`` uint8; of a coloured one the largest of its channels.

    Raises
    ------
    ImageError
        If the file cannot be read.
    """
    values = read_image(path)
    return values.max(axis=2) if values.ndim == 3 else values


def labels_in(values: ByteArray, n_classes: int, name: str) -> ByteArray:
    """Turn ``(H, W)`` values into label numbers 0 to K - 1.

    With two classes 0 and 255 is read too: values from 128 on are inside; where all are lower, every one but 0 is.

    Raises
    ------
    ImageError
        If a value is no class of the task.
    """
    highest = int(values.max())
    if n_classes == 2:
        return (values >= FULL if highest >= FULL else values > 0).astype(np.uint8)
    if highest >= n_classes:
        raise ImageError(
            f"the mask of {name} holds the label {highest}",
            expected=f"0 to {n_classes - 1}",
            hint="name the class with classes=..., or take the label out of the mask",
        )
    return values
