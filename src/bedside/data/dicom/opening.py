"""A file becomes a DICOM dataset that is known to hold an image, or an error that names the tag."""

import warnings
from functools import cache
from pathlib import Path
from typing import Any

from bedside.base.errors import BedsideError, ImageError

MAX_PIXELS = 100_000_000
"""Larger images are refused before they are decoded: a small file can hold a very large picture."""

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_MUST = ("Rows", "Columns", "BitsAllocated", "SamplesPerPixel", "PhotometricInterpretation")


def tag_name(keyword: str) -> str:
    """Write a keyword with its tag: ``Pixel Spacing (0028,0030)``."""
    from pydicom.datadict import dictionary_description, tag_for_keyword

    tag = tag_for_keyword(keyword)
    return f"{dictionary_description(tag)} ({tag >> 16:04X},{tag & 0xFFFF:04X})" if tag is not None else keyword


def refusal(path: Path, what: str, *, expected: str, hint: str = "export it again, or leave it out") -> ImageError:
    """Make the error of an instance that cannot be read as an image."""
    return ImageError(f"{path} is not a readable DICOM image: {what}", expected=expected, hint=hint)


def read_dataset(path: Path, *, pixels: bool = True) -> Any:
    """Parse a DICOM file, with or without its pixels; a file without preamble and file meta is tried too.

    Raises
    ------
    ImageError
        If the file cannot be opened or is not DICOM.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    _quieten_pydicom()
    try:
        try:
            return pydicom.dcmread(path, stop_before_pixels=not pixels)
        except InvalidDicomError:
            return _without_preamble(path, pixels)
    except BedsideError:
        raise
    except OSError as error:
        raise ImageError(
            f"{path} cannot be opened: {error.strerror or error}", expected="an image file", hint="check the path"
        ) from None
    except Exception as error:  # a damaged length or VR breaks the parser in ways that it does not foresee
        raise refusal(path, str(error), expected="a complete image instance", hint="export it again") from None


@cache
def _quieten_pydicom() -> None:
    """Silence pydicom's remarks on headers that it can read all the same, once; what it cannot read is an error."""
    warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")


def _without_preamble(path: Path, pixels: bool) -> Any:
    """PS3.10 asks for preamble and file meta; some old exports have neither. The encoding is guessed by pydicom."""
    import pydicom
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    dataset = pydicom.dcmread(path, stop_before_pixels=not pixels, force=True)
    if "Rows" not in dataset and "SOPClassUID" not in dataset:
        raise refusal(path, "it has no DICM prefix and no known tags", expected="a DICOM file (PS3.10)")
    if "TransferSyntaxUID" not in dataset.file_meta:
        is_implicit, is_little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else explicit
    return dataset


def kind_of(dataset: Any) -> str:
    """Name the SOP class in words: ``CT Image Storage``, ``Basic Text SR Storage``, ``an unnamed kind``."""
    uid = dataset.get("SOPClassUID")
    return str(getattr(uid, "name", uid)) if uid else "an unnamed kind"


def check_image(path: Path, dataset: Any) -> None:
    """Refuse a dataset that holds no image, or whose header contradicts itself.

    Raises
    ------
    ImageError
        Naming the file and the tag.
    """
    if not any(name in dataset for name in _PIXELS):
        raise refusal(
            path,
            f"{kind_of(dataset)} has no {tag_name('PixelData')}",
            expected="an instance with an image, not a report, a document, a waveform or a plan",
            hint="leave it out",
        )
    check_header(path, dataset)


def check_header(path: Path, dataset: Any) -> None:
    """Check the image pixel module (PS3.3 C.7.6.3): present, in range, and not a giant."""
    for name in _MUST:
        if dataset.get(name) is None:
            raise refusal(path, f"it has no {tag_name(name)}", expected="the image pixel module (PS3.3 C.7.6.3)")
    n_pixels = int(dataset.Rows) * int(dataset.Columns)
    if n_pixels > MAX_PIXELS:
        raise ImageError(
            f"{path} has {n_pixels:,} pixels", expected=f"at most {MAX_PIXELS:,}", hint="resize it, or tile it"
        )
    if n_pixels < 1:
        raise refusal(path, f"{tag_name('Rows')} x {tag_name('Columns')} is 0", expected="1 or more of each")
    _check_bits(path, dataset)


def _check_bits(path: Path, dataset: Any) -> None:
    allocated = int(dataset.BitsAllocated)
    stored = int(dataset.get("BitsStored") or allocated)
    if allocated not in (1, 8, 16, 32, 64):
        raise refusal(path, f"{tag_name('BitsAllocated')} is {allocated}", expected="1, 8, 16, 32 or 64")
    if not 1 <= stored <= allocated:
        raise refusal(path, f"{tag_name('BitsStored')} is {stored}", expected=f"1 to {allocated}, the bits allocated")
    if "TransferSyntaxUID" not in getattr(dataset, "file_meta", {}):
        raise refusal(path, f"it has no {tag_name('TransferSyntaxUID')}", expected="a file meta group (PS3.10)")
    photometric, n_samples = str(dataset.PhotometricInterpretation), int(dataset.SamplesPerPixel)
    if photometric.startswith(("MONOCHROME", "PALETTE")) and n_samples != 1:
        raise refusal(
            path,
            f"{tag_name('PhotometricInterpretation')} is {photometric}, {tag_name('SamplesPerPixel')} is {n_samples}",
            expected="1 sample a pixel",
        )


def n_frames_of(dataset: Any) -> int:
    """Number of Frames (0028,0008), 1 where it is absent or empty."""
    return int(dataset.get("NumberOfFrames") or 1)
