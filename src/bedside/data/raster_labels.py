"""Values in a mask file, and the label numbers that they stand for."""

from pathlib import Path

import numpy as np
from PIL import Image

from bedside.base.arrays import ByteArray, IntArray
from bedside.base.errors import ImageError
from bedside.data.reading import kind_of_file, read_image

FULL = 128
"""From here on a value means "inside" in a mask of 0 and 255, so that the noise of a JPEG does not count."""

_NOISE = 8


def read_mask_values(path: Path) -> ByteArray | IntArray:
    """Values of a mask, ``(H, W)``: numbers stay the numbers that they are, of a colour the largest channel counts.

    Of a picture with a palette whose first colour is black the places in the palette are read, as Pascal VOC keeps its
    masks; 16-bit pictures and integer arrays are not scaled.

    Raises
    ------
    ImageError
        If the file cannot be read, or holds a number below 0.
    """
    values = read_image(path)  # its checks of size, damage and frames come first
    numbers = _numbers(path)
    if numbers is None:
        return values.max(axis=2) if values.ndim == 3 else values
    if numbers.min() < 0:
        raise ImageError(
            f"the mask {path} holds the number {numbers.min()}", expected="0 or more", hint="save it unsigned"
        )
    return numbers


def _numbers(path: Path) -> IntArray | None:
    """What the file counts with, where reading it as a picture would lose that."""
    kind = kind_of_file(path)
    if kind == "array":
        from bedside.data.raster import read_array

        content = read_array(path)
        return content.astype(np.int64) if content.dtype.kind in "iu" and content.ndim == 2 else None
    if kind != "raster":
        return None
    with Image.open(path) as picture:
        if picture.mode in ("I;16", "I;16B", "I") or (picture.mode == "P" and _is_black(picture, 0)):
            return np.asarray(picture).astype(np.int64)
    return None


def _is_black(picture: Image.Image, place: int) -> bool:
    colours = picture.getpalette("RGB") or []
    return colours[3 * place : 3 * place + 3] == [0, 0, 0]


def looks_black_and_white(values: ByteArray | IntArray) -> bool:
    """Whether most of what is marked has one high value, but for the noise of a JPEG; numbers of objects spread."""
    highest = int(values.max())
    return highest >= FULL and 2 * int((values >= highest - _NOISE).sum()) >= int((values > 0).sum())


def labels_in(values: ByteArray | IntArray, n_classes: int, name: str) -> ByteArray:
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
    return values.astype(np.uint8)
