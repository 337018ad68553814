"""Small images as data URIs: a test case, and the same case under its heat map."""

from base64 import b64encode
from io import BytesIO

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import ShapeError

SIDE_PX = 112
_MAX_ALPHA = 0.75

# Matplotlib's "inferno" (van der Walt and Smith, 2015) from a quarter up: even steps to the eye, and no black to hide
# the image where there is little heat.
_INFERNO = np.array([[87, 16, 110], [139, 34, 106], [188, 55, 84], [249, 142, 9], [252, 255, 164]], float)


def heat_colors(heat: FloatArray) -> ByteArray:
    """Colour each value of 0 to 1 from purple through red and orange to light yellow; ``(..., 3)`` uint8."""
    at = np.clip(np.nan_to_num(np.asarray(heat, float)), 0, 1) * (len(_INFERNO) - 1)
    channels = [np.interp(at, np.arange(len(_INFERNO)), _INFERNO[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def gallery_png_uri(image: ByteArray, *, side_px: int = SIDE_PX) -> str:
    """Encode an image as a PNG data URI, its pixels kept sharp.

    Parameters
    ----------
    image
        ``(C, H, W)`` uint8 with one or three channels.
    side_px
        Smaller images are enlarged by a whole factor to about this size; larger ones are shrunk to twice of it.
    """
    return as_uri(_png(_rgb(image), side_px))


def overlay_png_uri(image: ByteArray, heat: FloatArray, *, side_px: int = SIDE_PX) -> str:
    """Encode an image under its heat map as a PNG data URI; see `overlay_png`."""
    return as_uri(overlay_png(image, heat, side_px=side_px))


def overlay_png(image: ByteArray, heat: FloatArray, *, side_px: int = SIDE_PX) -> bytes:
    """Encode an image under its heat map as PNG: the hotter a place, the less of the image shines through.

    Parameters
    ----------
    image
        ``(C, H, W)`` uint8 with one or three channels.
    heat
        ``(H, W)``, 0 to 1; other values are clipped, NaN counts as 0.
    """
    base = _rgb(image).astype(float)
    if heat.shape != base.shape[:2]:
        raise ShapeError(f"a heat map of {heat.shape} for an image of {base.shape[:2]}", expected="one (H, W)")
    level = np.clip(np.nan_to_num(np.asarray(heat, float)), 0, 1)
    alpha = (_MAX_ALPHA * level)[..., None]
    blend = (1 - alpha) * base + alpha * heat_colors(level)
    return _png(blend.round().astype(np.uint8), side_px)


def as_uri(png: bytes) -> str:
    """Write a PNG as a data URI, which a page holds without a file beside it."""
    return "data:image/png;base64," + b64encode(png).decode()


def _rgb(image: ByteArray) -> ByteArray:
    """``(H, W, 3)`` from ``(1, H, W)`` or ``(3, H, W)``."""
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ShapeError(f"got an image of {image.shape}", expected="(1, H, W) or (3, H, W)")
    return np.moveaxis(np.broadcast_to(image, (3, *image.shape[1:])), 0, -1)


def _png(pixels: ByteArray, side_px: int) -> bytes:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    longest = max(picture.size)
    if longest > 2 * side_px:
        picture.thumbnail((2 * side_px, 2 * side_px), Image.Resampling.LANCZOS)
    else:
        factor = max(1, round(side_px / longest))
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    buffer = BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
