"""Stored values of one frame or of all, whatever the transfer syntax."""

from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.seam import Requirement, require
from bedside.data.dicom.opening import n_frames_of, refusal, tag_name

_DECODERS = (Requirement("pylibjpeg", "pylibjpeg[all]"),)
_UPPER_BITS_MATTER = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2",
                      "1.2.840.10008.1.2.5")  # fmt: skip
"""Native encodings and RLE: the others carry their own precision."""


def decode(path: Path, dataset: Any, frame: int | None = None) -> np.ndarray:
    """Decode stored values: ``([T,] H, W)`` grey, ``([T,] H, W, 3)`` colour; YBR_FULL and YBR_FULL_422 as RGB.

    Parameters
    ----------
    frame
        One frame, from 0; None decodes all.

    Raises
    ------
    ImageError
        For an unknown transfer syntax, too few bytes, or values that need more bits than Bits Stored (0028,0101).
    MissingPackageError
        If a decoder is not installed.
    """
    from pydicom.pixels.decoders.base import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        get_decoder(syntax)
    except NotImplementedError:
        raise refusal(
            path,
            f"{tag_name('TransferSyntaxUID')} is {syntax} ({syntax.name})",
            expected="a still-image transfer syntax of PS3.5 that pydicom decodes",
            hint="transcode it, for example to Explicit VR Little Endian",
        ) from None
    try:
        return _as_many_as_stated(path, dataset, _decoded(path, dataset, str(syntax), frame), frame)
    except RuntimeError as error:
        if "pylibjpeg" in str(error) and "missing dependencies" in str(error):
            require(f"the transfer syntax of {path}", _DECODERS)
        raise


def _as_many_as_stated(path: Path, dataset: Any, stored: np.ndarray, frame: int | None) -> np.ndarray:
    """Refuse bytes for more frames than the header states: frames, or Bits Allocated, are then wrong.

    Raises
    ------
    ImageError
        Naming Number of Frames (0028,0008).
    """
    stated = n_frames_of(dataset)
    n_axes = 2 + (int(dataset.SamplesPerPixel) > 1)
    n_frames = stored.shape[0] if stored.ndim > n_axes else 1
    if n_frames == (stated if frame is None else 1):
        return stored
    raise refusal(
        path,
        f"{tag_name('NumberOfFrames')} is {stated}, but {tag_name('PixelData')} holds {n_frames} frames of "
        f"{dataset.BitsAllocated} bits ({tag_name('BitsAllocated')})",
        expected="as many frames as the header states",
    )


def _decoded(path: Path, dataset: Any, syntax: str, frame: int | None) -> np.ndarray:
    from pydicom.pixels.utils import pixel_array

    spare = int(dataset.BitsAllocated) - int(dataset.get("BitsStored") or dataset.BitsAllocated)
    if not spare or syntax not in _UPPER_BITS_MATTER or int(dataset.BitsAllocated) == 1:
        return pixel_array(dataset, index=frame)
    return _without_spare_bits(path, dataset, pixel_array(dataset, index=frame, correct_unused_bits=False), spare)


def _without_spare_bits(path: Path, dataset: Any, stored: np.ndarray, spare: int) -> np.ndarray:
    """Clear the bits above Bits Stored, which PS3.5 8.1.1 leaves to anyone, and refuse where they hold the image.

    Zeros, a repeated sign and overlays are what a sound writer leaves there; anything else means that Bits Stored is
    wrong, and clearing would fold bright pixels into dark ones.
    """
    if not np.issubdtype(stored.dtype, np.integer):
        return stored
    corrected = (stored << spare) >> spare
    if np.array_equal(corrected, stored) or _has_overlay_bits(dataset):
        return corrected
    bits = int(dataset.BitsStored)
    if stored.dtype.kind == "i" and not (stored >> bits).any():
        return corrected  # a negative number of 12 bits in 16, its upper bits zero
    raise refusal(
        path,
        f"{tag_name('BitsStored')} is {bits}, but its values lie in [{stored.min()}, {stored.max()}]",
        expected=f"values of {bits} bits",
        hint="correct Bits Stored at the device that wrote it, or leave the file out",
    )


def _has_overlay_bits(dataset: Any) -> bool:
    """Whether an overlay lies in the pixels' own spare bits (Overlay Bit Position (60xx,0102) above 0)."""
    positions = (dataset.get((group, 0x0102)) for group in range(0x6000, 0x6020, 2))
    return any(element is not None and int(element.value or 0) > 0 for element in positions)
