"""``dicom:DIR``: DICOM files below a folder, labelled by a CSV of files, instances, series, studies or patients."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from bedside.base.errors import CohortError, ImageError, InputError
from bedside.data.case import Case, Part
from bedside.data.cohort import Cohort
from bedside.data.dicom.opening import check_header, kind_of, n_frames_of, read_dataset
from bedside.data.dicom.picture import damage
from bedside.data.sources.findings import classes_asked, graded
from bedside.data.sources.folder import positive_class
from bedside.data.sources.tables import choice, folder_at, part_named, rows_of

KEYS = {
    "file": "",
    "sop_instance_uid": "SOPInstanceUID",
    "series_instance_uid": "SeriesInstanceUID",
    "study_instance_uid": "StudyInstanceUID",
    "accession_number": "AccessionNumber",
    "patient_id": "PatientID",
}
"""Columns that may name what a row labels, and the DICOM attribute each is matched with; the first present counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Label:
    label: str
    part: Part | None
    patient: str
    line: int


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``dicom:DIR`` with option ``labels`` (default ``DIR/labels.csv``).

    The table's columns are one of ``file``, ``sop_instance_uid``, ``series_instance_uid``, ``study_instance_uid``,
    ``accession_number``, ``patient_id`` (the first of these that is there says what is labelled), then ``label``, and
    optionally ``split`` and, beside another key, ``patient_id``. Option ``frames`` says what a multi-frame instance
    gives: ``middle`` (the default) or ``all``. Option ``ordinal=none,mild,severe`` gives the classes an order.

    Patients are told apart by a digest of Patient ID (0010,0020), which itself is not kept. Files that are no
    readable image are quarantined by name with the reason; so are labels that no file answers to.

    Raises
    ------
    InputError, CohortError
        For a missing folder or table, and where nothing is labelled.
    """
    folder = folder_at(rest, "a folder of DICOM files")
    table = Path(options["labels"]).expanduser() if options.get("labels") else folder / "labels.csv"
    frames = choice(options, "frames", ("middle", "all"))
    key, labels = _labels(table)
    quarantined: dict[str, str] = {}
    found: list[tuple[Case, str]] = []
    modalities: set[str] = set()
    answered: set[str] = set()
    for path in files_below(folder, table):
        name = path.relative_to(folder).as_posix()
        try:
            header = read_header_of(path)
        except ImageError as error:
            quarantined[name] = error.message
            answered.add(name)  # a row that names this file has its answer: the reason above
            continue
        value = name if key == "file" else str(header.get(KEYS[key], ""))
        if value not in labels:
            quarantined[name] = f"{name} has no row in {table.name} ({key} {value if key == 'file' else 'not listed'})"
            continue
        answered.add(value)
        modalities.add(str(header.get("Modality", "unknown")))
        found += [(case, labels[value].label) for case in cases_of_file(path, name, header, labels[value], frames)]
    for value in labels.keys() - answered:
        what = value if key == "file" else f"the {key} of line {labels[value].line}"
        quarantined[f"{table.name} line {labels[value].line}"] = f"no file below {folder} answers to {what}"
    return _cohort(folder, table, found, quarantined, modalities, options)


def _cohort(
    folder: Path,
    table: Path,
    found: list[tuple[Case, str]],
    quarantined: dict[str, str],
    modalities: set[str],
    options: Mapping[str, str],
) -> Cohort:
    from dataclasses import replace

    if not found:
        first = next(iter(quarantined.values()), "it holds no files")
        raise CohortError(
            f"no DICOM image below {folder} is labelled by {table}: {first}",
            expected="rows that name files or UIDs of that folder",
            hint=f"key columns: {', '.join(KEYS)}",
        )
    classes = classes_asked(options, [label for _, label in found])
    return Cohort(
        name=folder.resolve().name,
        task=graded(classes, positive_class(classes, options.get("positive")), options),
        cases=tuple(replace(case, label=classes.index(label)) for case, label in found),
        source=f"dicom:{folder.resolve().name}",
        modality=", ".join(sorted(modalities)),
        may_flip=options.get("may_flip", "") == "yes",
        quarantined=dict(sorted(quarantined.items())),
    )


def _labels(table: Path) -> tuple[str, dict[str, _Label]]:
    if not table.is_file():
        raise InputError(
            f"{table} is not there",
            expected="a CSV of labels",
            hint="pass --labels FILE, or put labels.csv into DIR; bedside data inspect looks at DIR without labels",
        )
    key, labels = "", {}
    for number, row in rows_of(table, ("label",)):
        key = key or next((name for name in KEYS if name in row), "")
        if not key:
            raise CohortError(
                f"{table} has no column that names images", expected="one of " + ", ".join(KEYS), hint="add one"
            )
        where = f"{table} line {number}"
        if not row[key] or not row["label"]:
            raise CohortError(
                f"{where} has no {key if not row[key] else 'label'}", expected="both", hint="fill it or remove the row"
            )
        if row[key] in labels:
            raise CohortError(
                f"{where} repeats the {key} of line {labels[row[key]].line}", expected="one row each", hint="remove one"
            )
        patient = row.get("patient_id", "") if key != "patient_id" else ""
        labels[row[key]] = _Label(
            label=row["label"], part=part_named(row.get("split", ""), where), patient=patient, line=number
        )
    return key, labels


def files_below(folder: Path, table: Path) -> Iterator[Path]:
    """Every file but hidden ones and the table of labels, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path.resolve() != table.resolve():
            yield path


def read_header_of(path: Path) -> Any:
    """Read what precedes the pixels.

    Raises
    ------
    ImageError
        If the file is no DICOM image.
    """
    header = read_dataset(path, pixels=False)
    with damage(path):
        if header.get("Rows") is None:
            raise ImageError(
                f"{path} holds no image: its kind is {kind_of(header)}",
                expected="an image instance",
                hint="leave it out",
            )
        check_header(path, header)
        n_frames_of(header)
    return header


def cases_of_file(
    path: Path, name: str, header: Any, label: _Label | None = None, frames: str = "middle"
) -> Iterator[Case]:
    """One case a file, or one a frame; the series ties its files where the patient is not known."""
    label = label or _Label(label="", part=None, patient="", line=0)
    patient = label.patient or str(header.get("PatientID", "") or "")
    series = str(header.get("SeriesInstanceUID", "") or name)
    facts = {
        "label": 0,
        "patient_id": f"patient-{_short(patient)}" if patient else None,
        "group": f"series-{_short(series)}",
        "part": label.part,
        "path": path,
    }
    n_frames = n_frames_of(header)
    if n_frames == 1:
        yield Case(case_id=name, **facts)
        return
    chosen = range(n_frames) if frames == "all" else [n_frames // 2]
    for frame in chosen:
        yield Case(case_id=f"{name}#{frame}", frame=frame, **facts)


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
