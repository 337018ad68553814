"""How a picture comes to the size of the model's input."""

from typing import Literal

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import ImageError, ShapeError
from bedside.data.enhance.luma import luma

Fit = Literal["letterbox", "squash", "crop", "foreground"]
"""How: see `bedside.data.preprocess.Preprocess`."""

_DARK = 15
"""Grey levels up to this are border, for the foreground crop."""

_LEAST_LIT_SHARE = 100
_MAX_SIDE_PX = 20_000


def fitted(image: ByteArray, fit: Fit, height_px: int, width_px: int) -> ByteArray:
    """Bring a picture ``(H, W)`` or ``(H, W, 3)`` to a size, in one of four ways."""
    if fit == "foreground":
        image = foreground(image)
    if image.shape[:2] == (height_px, width_px):
        return image
    if fit == "crop":
        image = centre_square(image)
    if fit in ("crop", "squash"):
        return resized(image, height_px, width_px)
    return letterboxed(image, height_px, width_px)


def resized(image: ByteArray, height_px: int, width_px: int) -> ByteArray:
    """Bilinear with antialiasing (Pillow), the one resize of the whole house."""
    from PIL import Image

    if image.shape[:2] == (height_px, width_px):
        return image
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((width_px, height_px), Image.Resampling.BILINEAR))


def letterboxed(image: ByteArray, height_px: int, width_px: int) -> ByteArray:
    """Keep the aspect ratio; what is left over is black."""
    factor = min(height_px / image.shape[0], width_px / image.shape[1])
    height = max(1, round(image.shape[0] * factor))
    width = max(1, round(image.shape[1] * factor))
    return pasted(resized(image, height, width), height_px, width_px)


def pasted(image: ByteArray, height_px: int, width_px: int) -> ByteArray:
    """Crop or pad with black about the centre."""
    if image.shape[:2] == (height_px, width_px):
        return image
    canvas = np.zeros((height_px, width_px, *image.shape[2:]), np.uint8)
    source, target = zip(
        *(_overlap(n, m) for n, m in zip(image.shape, (height_px, width_px), strict=False)), strict=True
    )
    canvas[target] = image[source]
    return canvas


def _overlap(n_source: int, n_target: int) -> tuple[slice, slice]:
    n = min(n_source, n_target)
    a, b = (n_source - n) // 2, (n_target - n) // 2
    return slice(a, a + n), slice(b, b + n)


def centre_square(image: ByteArray) -> ByteArray:
    """Take the largest centred square."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def foreground(image: ByteArray) -> ByteArray:
    """Cut off the dark border: rows and columns of which less than one pixel in a hundred is lit."""
    lit = (luma(image) if image.ndim == 3 else image) > _DARK
    rows = np.flatnonzero(lit.sum(axis=1) * _LEAST_LIT_SHARE >= lit.shape[1])
    columns = np.flatnonzero(lit.sum(axis=0) * _LEAST_LIT_SHARE >= lit.shape[0])
    if not len(rows) or not len(columns):
        return image
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def respaced(image: ByteArray, spacing_mm: tuple[float, float], target_mm: float) -> ByteArray:
    """Resample to square pixels of `target_mm`.

    Raises
    ------
    ImageError
        If the result would have a side of more than 20,000 px.
    """
    height, width = (max(1, round(n * mm / target_mm)) for n, mm in zip(image.shape, spacing_mm, strict=False))
    if max(height, width) > _MAX_SIDE_PX:
        raise ImageError(
            f"pixels of {spacing_mm} mm resampled to {target_mm} mm give {height} x {width} pixels",
            expected=f"at most {_MAX_SIDE_PX} a side",
            hint="check the image's spacing and the preprocessing's",
        )
    return resized(image, height, width)


def with_channels(picture: ByteArray, n_channels: int) -> ByteArray:
    """Bring a picture to ``(C, H, W)``: grey is repeated, colour is reduced by the ITU-R 601 luma."""
    if picture.ndim == 2:
        return picture[None] if n_channels == 1 else np.broadcast_to(picture, (3, *picture.shape))
    return luma(picture)[None] if n_channels == 1 else picture.transpose(2, 0, 1)


def check_picture(image: ByteArray) -> None:
    """Refuse what is no picture.

    Raises
    ------
    ShapeError
        If it is not ``(H, W)`` or ``(H, W, 3)`` uint8, or is empty.
    """
    is_picture = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    if image.dtype != np.uint8 or not is_picture or not image.size:
        raise ShapeError(
            f"an image of shape {image.shape} and type {image.dtype}",
            expected="(H, W) or (H, W, 3), uint8, not empty",
            hint="read it with bedside.data.reading.read_image",
        )
