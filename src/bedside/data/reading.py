"""Image files become uint8 pixels: PNG, JPEG, TIFF, BMP and single-frame DICOM."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import BedsideError, ImageError
from bedside.base.seam import Requirement, require

MAX_PIXELS = 100_000_000
"""Larger images are refused before they are decoded: a small file can hold a very large picture."""

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ""})
_DICOM_DECODERS = (Requirement("pylibjpeg", "pylibjpeg[all]"),)


def read_image(path: Path) -> ByteArray:
    """Read one image.

    Returns
    -------
    ByteArray
        ``(H, W)`` for grey, ``(H, W, 3)`` for colour. DICOM values pass through the modality and VOI transforms of
        PS3.3 C.11 and are then scaled to 0-255; MONOCHROME1 is inverted.

    Raises
    ------
    ImageError
        If the file is missing, empty, truncated, too large or not an image.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(132)
    except OSError as error:
        raise ImageError(
            f"{path} cannot be opened: {error.strerror}", expected="an image file", hint="check the path"
        ) from None
    if not head:
        raise ImageError(f"{path} is empty (0 bytes)", expected="an image", hint="copy the file again")
    if head[128:132] == b"DICM" or path.suffix.lower() in {".dcm", ".dicom"}:
        return _read_dicom(path)
    return _read_raster(path)


def _read_raster(path: Path) -> ByteArray:
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as picture:
                _refuse_giant(path, picture.width * picture.height)
                _refuse_frames(path, 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1))
                return _pixels(picture)
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


def _pixels(picture: Any) -> ByteArray:
    """Decode a Pillow picture; 16-bit grey is scaled by its own range, transparency is laid on black."""
    if picture.mode in ("I;16", "I;16B", "I", "F"):
        return _to_bytes(np.asarray(picture, np.float64))
    if picture.mode in ("L", "1") and not picture.has_transparency_data:
        return np.asarray(picture.convert("L"))
    if picture.has_transparency_data:
        picture = _on_black(picture)
    rgb = np.asarray(picture.convert("RGB"))
    is_grey = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
    return np.ascontiguousarray(rgb[..., 0]) if is_grey else rgb


def _on_black(picture: Any) -> Any:
    from PIL import Image

    ground = Image.new("RGBA", picture.size, (0, 0, 0, 255))
    ground.alpha_composite(picture.convert("RGBA"))
    return ground


def _refuse_frames(path: Path, n_frames: int) -> None:
    if n_frames > 1:
        raise ImageError(
            f"{path} has {n_frames} frames", expected="a single-frame image", hint="extract one frame first"
        )


def _refuse_giant(path: Path, n_pixels: int) -> None:
    if n_pixels > MAX_PIXELS:
        raise ImageError(
            f"{path} has {n_pixels:,} pixels", expected=f"at most {MAX_PIXELS:,}", hint="resize it, or tile it"
        )


def _to_bytes(values: np.ndarray) -> ByteArray:
    """Scale finite values to 0-255; a constant image becomes 0."""
    if not np.isfinite(values).all():
        raise ValueError("pixels hold NaN or infinity")
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    return np.round((values - low) * (255.0 / (high - low))).astype(np.uint8)


def _read_dicom(path: Path) -> ByteArray:
    import pydicom

    try:
        dataset = pydicom.dcmread(path)
        if "PixelData" not in dataset:
            raise ValueError("it has no pixel data")
        _refuse_frames(path, int(dataset.get("NumberOfFrames", 1) or 1))
        _refuse_giant(path, int(dataset.get("Rows", 0)) * int(dataset.get("Columns", 0)))
        return _dicom_pixels(path, dataset)
    except BedsideError:
        raise
    except Exception as error:  # pydicom parses values when they are asked for, and a damaged one raises anything
        raise ImageError(
            f"{path} is not a readable DICOM image: {error}",
            expected="a complete image instance",
            hint="export it again",
        ) from None


def _dicom_pixels(path: Path, dataset: Any) -> ByteArray:
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    try:
        raw = dataset.pixel_array
    except RuntimeError as error:
        if "pylibjpeg" in str(error):
            require(f"the transfer syntax of {path}", _DICOM_DECODERS)
        raise
    photometric = str(dataset.PhotometricInterpretation)
    if photometric.startswith("MONOCHROME"):
        grey = _to_bytes(np.asarray(apply_voi_lut(apply_modality_lut(raw, dataset), dataset), np.float64))
        return 255 - grey if photometric == "MONOCHROME1" else grey
    return _dicom_colour(raw, photometric, dataset)


def _dicom_colour(raw: np.ndarray, photometric: str, dataset: Any) -> ByteArray:
    """Colour pixels as RGB; `pixel_array` of pydicom 3 has already turned YBR into RGB."""
    from pydicom.pixels.processing import apply_color_lut

    bits = int(dataset.BitsStored)
    if photometric == "PALETTE COLOR":
        raw = apply_color_lut(raw, dataset)
        bits = 8 * raw.dtype.itemsize
    if raw.ndim != 3:
        raise ValueError(f"its photometric interpretation {photometric} does not fit its pixels")
    return raw if raw.dtype == np.uint8 else (raw >> (bits - 8)).astype(np.uint8)
