"""Single-frame instances of one series become a volume, assembled by geometry."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.errors import ImageError
from bedside.data.dicom.decoding import decode
from bedside.data.dicom.frames import tone_header
from bedside.data.dicom.geometry import affine_of, check_planes, ordered
from bedside.data.dicom.opening import check_image, n_frames_of, read_dataset, refusal, tag_name
from bedside.data.dicom.picture import damage, refuse_colour
from bedside.data.dicom.placing import check_duplicates, place_of
from bedside.data.dicom.tone import measured
from bedside.data.volume import SeriesReport, Volume, made_canonical


def read_series(files: Sequence[Path], *, notes: tuple[str, ...] = ()) -> Volume:
    """Assemble single-frame instances into a volume, sorted by Image Position (0020,0032) along the normal.

    Gaps are reported, not filled; a slice that repeats another to the pixel is reported and left out.

    Raises
    ------
    ImageError
        For mixed series, planes that are not parallel, differing sizes, two different slices at one place, and for a
        missing position, orientation or spacing, naming the file and the tag.
    """
    if not files:
        raise ImageError("a series of no files", expected="one file or more", hint="check the folder")
    headers, slices, pixels = [], [], []
    for path in files:
        dataset = read_dataset(path)
        with damage(path):
            check_image(path, dataset)
            refuse_colour(path, dataset)
            _check_single(path, dataset)
            slices.append(place_of(path, dataset))
            pixels.append(measured(path, tone_header(dataset), decode(path, dataset)))
        del dataset.PixelData
        headers.append(dataset)
    _check_one_series(files, headers)
    source = str(files[0].parent)
    check_planes(slices, source)
    order = ordered(slices)
    duplicates = check_duplicates(slices, pixels, order)
    affine, odd = affine_of(slices, order, float(headers[0].get("SliceThickness") or 1.0))
    report = SeriesReport(n_files=len(files), gaps_mm=order.gaps_mm, duplicates=duplicates, notes=(*notes, *odd))
    values = np.stack([pixels[row] for row in order.rows])
    return made_canonical(values, affine, modality=str(headers[0].get("Modality", "")), source=source, report=report)


def _check_single(path: Path, dataset: Any) -> None:
    if n_frames_of(dataset) > 1:
        raise refusal(
            path, f"it has {n_frames_of(dataset)} frames beside other files of its series",
            expected="single-frame instances", hint="read it alone",
        )  # fmt: skip


def _check_one_series(files: Sequence[Path], headers: Sequence[Any]) -> None:
    for tag in ("SeriesInstanceUID", "Modality", "Rows", "Columns", "FrameOfReferenceUID"):
        for path, header in zip(files, headers, strict=True):
            if header.get(tag) != headers[0].get(tag):
                raise ImageError(
                    f"{files[0]} and {path.name} differ in {tag_name(tag)}: "
                    f"{headers[0].get(tag)} and {header.get(tag)}",
                    expected="one series; this is a mixed one",
                    hint="group the files first: series_in(folder)",
                )
