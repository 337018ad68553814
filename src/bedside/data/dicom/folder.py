"""A folder of DICOM files: which series are in it, and which files are no images."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bedside.base.errors import ImageError
from bedside.data.dicom.opening import check_header, n_frames_of, read_dataset
from bedside.data.dicom.picture import damage
from bedside.data.dicom.series import read_series
from bedside.data.dicom.stack import read_stack
from bedside.data.volume import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The files of one series in a folder, in the order of their names."""

    uid: str
    modality: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderOfSeries:
    """The series of a folder, and the files that are no readable image, each with the reason."""

    series: tuple[Series, ...]
    quarantined: dict[str, str]


def series_in(folder: Path) -> FolderOfSeries:
    """Group the DICOM files of a folder (not of its sub-folders) by Series Instance UID (0020,000E)."""
    groups: dict[tuple[str, str], list[Path]] = defaultdict(list)
    bad: dict[str, str] = {}
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        try:
            header = read_dataset(path, pixels=False)
            with damage(path):
                check_header(path, header)
                groups[str(header.get("SeriesInstanceUID", "")), str(header.get("Modality", ""))].append(path)
        except ImageError as error:
            bad[path.name] = error.message
    found = (Series(uid=uid, modality=modality, files=tuple(files)) for (uid, modality), files in groups.items())
    return FolderOfSeries(series=tuple(found), quarantined=bad)


def read_folder(folder: Path) -> Volume:
    """Read the one series of a folder; files that are no image are named in the report.

    Raises
    ------
    ImageError
        If there is no series, or more than one: mixed series are never merged.
    """
    found = series_in(folder)
    if len(found.series) != 1:
        listed = "; ".join(
            f"{s.modality or 'unknown'} of {len(s.files)} files ({s.files[0].name} ...)" for s in found.series
        )
        bad = f" ({len(found.quarantined)} files are no images)" if found.quarantined else ""
        raise ImageError(
            f"{folder} holds {len(found.series)} series{': ' + listed if listed else ''}{bad}",
            expected="the files of one series (one Series Instance UID (0020,000E))",
            hint="read them one by one: read_series(series.files) for series in series_in(folder).series",
        )
    notes = tuple(f"left out {name}: {reason}" for name, reason in found.quarantined.items())
    files = found.series[0].files
    if len(files) == 1 and n_frames_of(read_dataset(files[0], pixels=False)) > 1:
        return read_stack(files[0])
    return read_series(files, notes=notes)
