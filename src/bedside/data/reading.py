"""Image files become uint8 pictures: PNG, JPEG, TIFF, BMP, npy, npz and DICOM."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from bedside.base.arrays import ByteArray
from bedside.base.errors import ImageError
from bedside.data.dicom.opening import MAX_PIXELS as MAX_PIXELS
from bedside.data.window import AnyWindow

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ""})
_DICOM_SUFFIXES = frozenset({".dcm", ".dicom"})
_ARRAY_HEADS = (b"\x93NUMPY", b"PK\x03\x04")
_RASTER_HEADS = (b"\x89PNG\r\n", b"\xff\xd8\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture and what its file says about it.

    Parameters
    ----------
    pixels
        ``(H, W)`` or ``(H, W, 3)`` uint8.
    spacing_mm
        Row and column spacing; None where the file states none.
    modality
        DICOM's code (CT, MR, US, DX, CR ...), or "" where the file states none.
    """

    pixels: ByteArray = field(repr=False)
    spacing_mm: tuple[float, float] | None = None
    modality: str = ""


def read_image(path: Path, *, window: AnyWindow | None = None, frame: int | None = None) -> ByteArray:
    """Read one image.

    Parameters
    ----------
    window
        From measured values (HU for CT) to grey; None takes what the file says.
    frame
        One frame of a multi-frame DICOM, from 0.

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
    with _opened(path) as stream:
        kind = _kind_of(path, stream)
        if kind != "dicom":
            return _still(path, kind, window, frame, stream)
    from bedside.data.dicom.picture import read_frame

    return read_frame(path, window=window, frame=frame)[0]


def _still(
    path: Path, kind: str, window: AnyWindow | None, frame: int | None, stream: BinaryIO | None = None
) -> ByteArray:
    from bedside.data.raster import read_array_picture, read_raster

    if frame:
        raise ImageError(
            f"{path} has one frame, and frame {frame} was asked for", expected="frame 0", hint="read it as a clip"
        )
    return read_array_picture(path, window) if kind == "array" else read_raster(path, window, stream)


def read_picture(path: Path, *, window: AnyWindow | None = None, frame: int | None = None) -> Picture:
    """Read one image as `read_image` does, with its spacing and modality.

    Raises
    ------
    ImageError
        As `read_image`.
    """
    kind = kind_of_file(path)
    if kind == "dicom":
        from bedside.data.dicom.frames import spacing_of
        from bedside.data.dicom.picture import damage, read_frame

        pixels, dataset = read_frame(path, window=window, frame=frame)
        with damage(path):
            return Picture(
                pixels=pixels, spacing_mm=spacing_of(dataset, frame or 0), modality=str(dataset.get("Modality", ""))
            )
    from bedside.data.raster import raster_spacing

    pixels = _still(path, kind, window, frame)
    return Picture(pixels=pixels, spacing_mm=raster_spacing(path) if kind == "raster" else None)


def read_spaced(
    path: Path, *, window: AnyWindow | None = None, frame: int | None = None
) -> tuple[ByteArray, tuple[float, float]]:
    """Read one image as `read_image` does, with its spacing, row and column, in mm.

    Raises
    ------
    ImageError
        As `read_image`, and where the file states no spacing.
    """
    picture = read_picture(path, window=window, frame=frame)
    if picture.spacing_mm is None:
        raise no_spacing(str(path))
    return picture.pixels, picture.spacing_mm


def no_spacing(source: str) -> ImageError:
    """What to raise where a spacing is needed and not known."""
    return ImageError(
        f"{source} has no Pixel Spacing (0028,0030), and the model's input is resampled to a spacing",
        expected="Pixel Spacing, Imager Pixel Spacing, ultrasound regions in cm, or a TIFF with a resolution",
        hint="leave the file out, or use a preprocessing without spacing_mm",
    )


def kind_of_file(path: Path) -> str:
    """Name the reader by content first: ``dicom``, ``array`` or ``raster``."""
    with _opened(path) as stream:
        return _kind_of(path, stream)


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")  # noqa: PTH123 - the caller closes it; one opening serves head and pixels
    except OSError as error:
        raise _unopened(path, error) from None


def _unopened(path: Path, error: OSError) -> ImageError:
    return ImageError(f"{path} cannot be opened: {error.strerror}", expected="an image file", hint="check the path")


def _kind_of(path: Path, stream: BinaryIO) -> str:
    """Look at the first bytes and go back to the start."""
    try:
        head = stream.read(132)
        stream.seek(0)
    except OSError as error:
        raise _unopened(path, error) from None
    if not head:
        raise ImageError(f"{path} is empty (0 bytes)", expected="an image", hint="copy the file again")
    if head.startswith(_RASTER_HEADS):
        return "raster"
    if head[128:132] == b"DICM" or path.suffix.lower() in _DICOM_SUFFIXES:
        return "dicom"
    return "array" if head.startswith(_ARRAY_HEADS) and path.suffix.lower() in (".npy", ".npz") else "raster"
