"""PNG, JPEG, TIFF and BMP through Pillow, and single arrays through NumPy."""

import warnings
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from bedside.base.arrays import ByteArray
from bedside.base.errors import BedsideError, ImageError
from bedside.data.dicom.opening import MAX_PIXELS
from bedside.data.dicom.tone import scaled
from bedside.data.window import AnyWindow

_DEEP = ("I;16", "I;16B", "I", "F")
_MM_PER_INCH = 25.4


def read_raster(path: Path, window: AnyWindow | None = None, stream: BinaryIO | None = None) -> ByteArray:
    """Read a raster file, or the open `stream` of it, as ``(H, W)`` or ``(H, W, 3)`` uint8.

    Grey of more than 8 bits is scaled to 0-255 by its own range, or passes through `window`; transparency is laid on
    black; colour whose three channels are equal becomes grey.

    Raises
    ------
    ImageError
        If it is damaged, too large, animated, or not an image; with a window also for 8 bits.
    """
    _quieten_pillow()
    try:
        with Image.open(stream or path) as picture:
            refuse_giant(path, picture.width * picture.height)
            _refuse_frames(path, 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1))
            return _pixels(path, picture, window)
    except UnidentifiedImageError:
        raise ImageError(
            f"{path} is not an image that we read", expected="PNG, JPEG, TIFF, BMP or DICOM", hint="convert it"
        ) from None
    except Image.DecompressionBombError:
        raise ImageError(
            f"{path} is too large", expected=f"at most {MAX_PIXELS:,} pixels", hint="resize it, or tile it"
        ) from None
    except BedsideError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever a damaged value breaks
        raise ImageError(
            f"{path} is damaged: {error}", expected="a complete image file", hint="copy the file again"
        ) from None


@cache
def _quieten_pillow() -> None:
    """Silence Pillow's warning of large pictures, once: our own limit is an error, and a filter costs each read."""
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def _pixels(path: Path, picture: Any, window: AnyWindow | None) -> ByteArray:
    if picture.mode in _DEEP:
        return to_bytes(np.asarray(picture, np.float64), window)
    if window is not None:
        raise no_values(path)
    return picture_bytes(picture)


def no_values(path: Path) -> ImageError:
    """Make the error of a window asked of pixels that were windowed already."""
    return ImageError(
        f"{path} holds 8 bits a pixel, no measured values for a window",
        expected="DICOM, or grey of 16 bits or more",
        hint="leave the window out, or give the original files",
    )


def picture_bytes(picture: Any) -> ByteArray:
    """Decode a Pillow picture of 8 bits; equal channels become grey."""
    if picture.mode in ("L", "1") and not picture.has_transparency_data:
        return np.asarray(picture if picture.mode == "L" else picture.convert("L"))
    if picture.has_transparency_data:
        picture = _on_black(picture)
    rgb = np.asarray(picture.convert("RGB"))
    is_grey = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
    return np.ascontiguousarray(rgb[..., 0]) if is_grey else rgb


def _on_black(picture: Any) -> Any:
    ground = Image.new("RGBA", picture.size, (0, 0, 0, 255))
    ground.alpha_composite(picture.convert("RGBA"))
    return ground


def to_bytes(values: np.ndarray, window: AnyWindow | None = None) -> ByteArray:
    """Scale finite values to 0-255 by their own range (a constant image becomes 0), or through a window."""
    if window is not None:
        return window(values)
    return scaled(np.asarray(values, np.float64), float(values.min()), float(values.max()))


def _refuse_frames(path: Path, n_frames: int) -> None:
    if n_frames > 1:
        raise ImageError(
            f"{path} has {n_frames} frames", expected="a single-frame image", hint="extract one frame first"
        )


def refuse_giant(path: Path, n_pixels: int) -> None:
    """Refuse more than `MAX_PIXELS` before they are decoded."""
    if n_pixels > MAX_PIXELS:
        raise ImageError(
            f"{path} has {n_pixels:,} pixels", expected=f"at most {MAX_PIXELS:,}", hint="resize it, or tile it"
        )


def read_array(path: Path) -> np.ndarray:
    """Read the array of a npy file, or the one of a npz: the only one, or ``image``, ``volume`` or ``frames``.

    Raises
    ------
    ImageError
        If it is damaged, holds Python objects, NaN or nothing, or several arrays of other names.
    """
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.lib.npyio.NpzFile):
            with content as archive:
                names = [n for n in ("image", "volume", "frames") if n in archive.files] or archive.files
                if len(names) != 1:
                    raise ValueError(f"it holds the arrays {', '.join(names) or 'none'}")
                content = archive[names[0]]
        if content.dtype.kind not in "biuf" or not content.size or not np.isfinite(content).all():
            raise ValueError(f"its array is {content.shape} {content.dtype}, empty, NaN or no number")
    except FileNotFoundError:
        raise ImageError(
            f"{path} cannot be opened: No such file", expected="an array file", hint="check the path"
        ) from None
    except Exception as error:  # numpy and zipfile raise whatever the damage breaks
        raise ImageError(
            f"{path} is not a readable array: {error}",
            expected="one finite numeric array; in a npz called image, volume or frames",
            hint="save it again with numpy.savez(path, image=array)",
        ) from None
    return content


def read_array_picture(path: Path, window: AnyWindow | None = None) -> ByteArray:
    """Read a npy or npz as a picture: uint8 as it is, other types scaled by their range or through `window`."""
    values = read_array(path)
    if values.ndim != 2 and not (values.ndim == 3 and values.shape[2] == 3):
        raise ImageError(
            f"{path} holds an array of shape {values.shape}",
            expected="(H, W) or (H, W, 3)",
            hint="read it as a volume or a clip, or save one slice",
        )
    refuse_giant(path, values.shape[0] * values.shape[1])
    if values.dtype == np.uint8:
        if window is not None:
            raise no_values(path)
        return values
    return to_bytes(values.astype(np.float64), window)


def raster_spacing(path: Path) -> tuple[float, float] | None:
    """Row and column spacing in mm that a TIFF states in dots per inch or centimetre; None for other files.

    The resolution of PNG and JPEG is the screen's or the scanner's by habit, and is not believed.
    """
    with Image.open(path) as picture:
        if picture.format != "TIFF":
            return None
        tags = getattr(picture, "tag_v2", {})
        x, y, unit = tags.get(282), tags.get(283), tags.get(296, 2)
    mm = {2: _MM_PER_INCH, 3: 10.0}.get(unit)
    if not x or not y or mm is None or min(float(x), float(y)) <= 0:
        return None
    return mm / float(y), mm / float(x)
