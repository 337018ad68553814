"""What a file says of its image before a pixel is decoded."""

import struct
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from bedside.base.errors import ImageError
from bedside.data.dicom.opening import MAX_PIXELS

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 1, 6: 3}
_TAGS = ["Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "Modality", "PatientID", "SeriesInstanceUID",
         "SOPClassUID"]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Kind, size and origin of one image file; patient and series as digests, never as they are written."""

    kind: str
    height: int | None = None
    width: int | None = None
    n_channels: int | None = None
    n_frames: int | None = None
    modality: str | None = None
    patient: str | None = None
    series: str | None = None

    def row(self) -> tuple[object, ...]:
        """The fields in their order."""
        return (self.kind, self.height, self.width, self.n_channels, self.n_frames, self.modality, self.patient,
                self.series)  # fmt: skip


def read_header(path: Path, content: bytes | None = None) -> Header:
    """Read the header of an image file; `content` saves a second look at the disk.

    Raises
    ------
    ImageError
        If it is empty, no image, a DICOM instance without one, or a giant.
    """
    if content is None:
        with path.open("rb") as stream:
            content = stream.read(1 << 20)
    if not content:
        raise ImageError(f"{path} is empty (0 bytes)", expected="an image", hint="copy the file again")
    if content.startswith(_PNG) and len(content) >= 33:
        header = _png(content)
    elif content[128:132] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom"):
        header = _dicom(path)
    else:
        header = _other(path, content)
    if (header.height or 0) * (header.width or 0) > MAX_PIXELS:
        raise ImageError(
            f"{path} has {header.height} x {header.width} pixels", expected=f"at most {MAX_PIXELS:,}", hint="tile it"
        )
    return header


def _png(content: bytes) -> Header:
    """The IHDR chunk, which the PNG specification puts first."""
    width, height, _, colour = struct.unpack(">IIBB", content[16:26])
    return Header(kind="png", height=height, width=width, n_channels=_PNG_CHANNELS.get(colour), n_frames=1)


def _other(path: Path, content: bytes) -> Header:
    from PIL import Image

    try:
        with Image.open(BytesIO(content)) as picture:
            n_channels = 3 if len(picture.getbands()) >= 3 else 1
            return Header(
                kind=(picture.format or "unknown").lower(),
                height=picture.height,
                width=picture.width,
                n_channels=n_channels,
                n_frames=getattr(picture, "n_frames", 1),
            )
    except Exception:  # Pillow's parsers raise whatever a damaged header breaks
        raise ImageError(
            f"{path} is not an image that we read", expected="PNG, JPEG, TIFF, BMP or DICOM", hint="leave it out"
        ) from None


def _dicom(path: Path) -> Header:
    import pydicom

    try:
        dataset: Any = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
        if dataset.get("Rows") is None:
            kind = getattr(dataset.get("SOPClassUID"), "name", "an unnamed kind")
            raise ImageError(f"{path} is {kind}, which holds no image", expected="an image", hint="leave it out")
        return Header(
            kind="dicom",
            height=int(dataset.Rows),
            width=int(dataset.Columns),
            n_channels=int(dataset.get("SamplesPerPixel") or 1),
            n_frames=int(dataset.get("NumberOfFrames") or 1),
            modality=str(dataset.get("Modality") or "") or None,
            patient=_short(dataset.get("PatientID")),
            series=_short(dataset.get("SeriesInstanceUID")),
        )
    except ImageError:
        raise
    except Exception as error:  # a damaged length or VR breaks the parser in ways that it does not foresee
        raise ImageError(
            f"{path} is not a readable DICOM image: {error}", expected="a complete instance", hint="export it again"
        ) from None


def _short(value: object) -> str | None:
    return sha256(str(value).encode()).hexdigest()[:12] if value else None
