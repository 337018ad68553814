"""One DICOM frame as a picture, and its measured values."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import BedsideError, ImageError
from bedside.data.dicom.decoding import decode
from bedside.data.dicom.frames import tone_header
from bedside.data.dicom.opening import check_image, n_frames_of, read_dataset, refusal, tag_name
from bedside.data.dicom.tone import measured, shown
from bedside.data.window import AnyWindow


def read_frame(path: Path, *, window: AnyWindow | None = None, frame: int | None = None) -> tuple[ByteArray, Any]:
    """Read one frame as ``(H, W)`` or ``(H, W, 3)`` uint8, with its dataset.

    Raises
    ------
    ImageError
        Naming the file and the tag; also for several frames where none was asked for.
    """
    dataset = read_dataset(path)
    with damage(path):
        check_image(path, dataset)
        frame = chosen_frame(path, n_frames_of(dataset), frame)
        stored = decode(path, dataset, frame if n_frames_of(dataset) > 1 else None)
        return rendered(path, dataset, stored, frame, window), dataset


def read_measured(path: Path, *, frame: int | None = None) -> FloatArray:
    """Read one grey frame in measured units (HU for CT), ``(H, W)`` float32, before any window or inversion.

    Raises
    ------
    ImageError
        Naming the file and the tag; also for colour.
    """
    dataset = read_dataset(path)
    with damage(path):
        check_image(path, dataset)
        refuse_colour(path, dataset)
        frame = chosen_frame(path, n_frames_of(dataset), frame)
        stored = decode(path, dataset, frame if n_frames_of(dataset) > 1 else None)
        return measured(path, tone_header(dataset, frame), stored)


def refuse_colour(path: Path, dataset: Any) -> None:
    """Refuse what has no single value a pixel."""
    photometric = str(dataset.PhotometricInterpretation)
    if not photometric.startswith("MONOCHROME"):
        raise refusal(
            path,
            f"{tag_name('PhotometricInterpretation')} is {photometric}: colour has no measured values",
            expected="MONOCHROME1 or MONOCHROME2",
            hint="read it as a picture",
        )


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """Turn whatever a damaged value breaks into an `ImageError` that names the file."""
    try:
        yield
    except BedsideError:
        raise
    except Exception as error:  # pydicom parses values when they are asked for, and a damaged one raises anything
        raise refusal(path, str(error), expected="a complete image instance", hint="export it again") from None


def chosen_frame(path: Path, n_frames: int, frame: int | None) -> int:
    """Return the frame that was asked for; the only one where none was."""
    if frame is None and n_frames > 1:
        raise ImageError(
            f"{path} has {n_frames} frames", expected="a single-frame image", hint="extract one frame first"
        )
    if frame is not None and not 0 <= frame < n_frames:
        raise ImageError(
            f"{path} has {n_frames} frames, and frame {frame} was asked for",
            expected=f"0 to {n_frames - 1}",
            hint="name another frame",
        )
    return frame or 0


def rendered(path: Path, dataset: Any, stored: np.ndarray, frame: int, window: AnyWindow | None) -> ByteArray:
    """Render stored values of one frame (or of all, under the tone of `frame`) as uint8."""
    if str(dataset.PhotometricInterpretation).startswith("MONOCHROME"):
        return shown(path, tone_header(dataset, frame), stored, window)
    if window is not None:
        refuse_colour(path, dataset)
    return colour(dataset, stored)


def colour(dataset: Any, stored: np.ndarray) -> ByteArray:
    """Colour as RGB; the decoder has already turned YBR into RGB. More than 8 bits lose their lower ones."""
    from pydicom.pixels.processing import apply_color_lut

    photometric, bits = str(dataset.PhotometricInterpretation), int(dataset.get("BitsStored") or dataset.BitsAllocated)
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
        bits = 8 * stored.dtype.itemsize
    if stored.ndim < 3 or stored.shape[-1] != 3:
        raise ValueError(f"its {tag_name('PhotometricInterpretation')} {photometric} does not fit its pixels")
    return stored if stored.dtype == np.uint8 else (stored >> (bits - 8)).astype(np.uint8)
