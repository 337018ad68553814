"""CSV tables as sources need them: one row at a time, columns checked, every mistake named with its line."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bedside.base.errors import CohortError, InputError
from bedside.data.case import Part

PART_WORDS: dict[str, Part] = {
    "train": "development", "training": "development", "development": "development", "dev": "development",
    "val": "tuning", "valid": "tuning", "validation": "tuning", "tuning": "tuning", "tune": "tuning",
    "test": "test", "testing": "test", "holdout": "test",
}  # fmt: skip

_MARKS = {
    "dataset.json": "msd", "clips.csv": "clips", "boxes.csv": "boxes", "Annotations": "voc", "annotations": "coco",
    "stage_2_train_labels.csv": "rsna-pneumonia", "Data_Entry_2017.csv": "nih-cxr14", "labels.csv": "dicom",
}  # fmt: skip
"""What tells a layout at a glance, and the source that reads it; the first that is there counts."""


def rows_of(table: Path, needed: tuple[str, ...], *, hint: str = "") -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, row) of a UTF-8 CSV with a header; cells are stripped, absent ones are empty.

    `hint` is said of a column that is lacking.

    Raises
    ------
    CohortError
        If the file is missing, not CSV, or lacks a column.
    """
    if not table.is_file():
        raise CohortError(f"{table} is not there", expected="a CSV file", hint="check the layout of the folder")
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            check_columns(table, reader.fieldnames or [], needed, hint=hint)
            for number, line in enumerate(reader, start=2):
                yield number, {name: (value or "").strip() for name, value in line.items() if isinstance(name, str)}
    except (UnicodeDecodeError, csv.Error) as error:
        raise CohortError(
            f"{table} is not a readable UTF-8 CSV: {error}", expected="UTF-8, commas", hint="save it again as CSV UTF-8"
        ) from None


def check_columns(table: Path, columns: Sequence[str], needed: tuple[str, ...], *, hint: str = "") -> None:
    """Refuse a table that lacks a column, naming what it has."""
    if lacking := [name for name in needed if name not in columns]:
        raise CohortError(
            f"{table} has no column {', '.join(lacking)}",
            expected=", ".join(needed),
            hint=f"it has: {', '.join(columns) or 'none'}" + (f"; {hint}" if hint else ""),
        )


def part_named(word: str, where: str) -> Part | None:
    """Return the part that a word names, None for an empty word.

    Raises
    ------
    CohortError
        For any other word.
    """
    if not word:
        return None
    if word.lower() not in PART_WORDS:
        raise CohortError(
            f"{where} has the split {word!r}",
            expected="one of " + ", ".join(sorted(PART_WORDS)),
            hint="correct it, or leave the column out",
        )
    return PART_WORDS[word.lower()]


def folder_at(rest: str, what: str) -> Path:
    """Return the folder that a source names.

    Raises
    ------
    InputError
        If there is none.
    """
    folder = Path(rest).expanduser()
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", expected=what, hint="check the path")
    return folder


def choice(options: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    """Return an option that must be one of `known`; the first where it is not given."""
    asked = options.get(name, known[0])
    if asked not in known:
        raise InputError(f"{name}={asked}", expected="one of " + ", ".join(known), hint=f"correct the option {name}")
    return asked


def unknown_layout(folder: Path, what: str, looked_for: str) -> CohortError:
    """Make the error of a folder that is not laid out as its source documents."""
    other = _looks_like(folder, looked_for)
    return CohortError(
        f"{folder} is not laid out as {what}",
        expected=f"looked for {looked_for}",
        hint=f"it looks like {other}:{folder}" if other else "see docs/reference/reading.md",
    )


def _looks_like(folder: Path, looked_for: str) -> str:
    """Name the source whose mark the folder bears, other than the one that looked for it; or nothing."""
    marks = {mark: name for mark, name in _MARKS.items() if mark not in looked_for}
    found = next((name for mark, name in marks.items() if (folder / mark).exists()), "")
    if found or not (folder / "images").is_dir():
        return found
    has_volumes = any(path.name.lower().endswith((".nii", ".nii.gz")) for path in (folder / "images").iterdir())
    if has_volumes:
        return "" if ".nii.gz" in looked_for else "nifti"
    return "masks" if (folder / "masks").is_dir() and "masks/" not in looked_for else ""
