"""``folder:DIR``: images in class sub-folders, or listed with their labels in a metadata.csv."""

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from bedside.base.errors import CohortError, InputError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.reading import IMAGE_SUFFIXES
from bedside.data.sources.findings import classes_asked, graded, mark_of
from bedside.data.sources.tables import part_named

_HEALTHY_WORDS = {
    "normal",
    "negative",
    "healthy",
    "benign",
    "none",
    "no",
    "control",
    "absent",
    "0",
    "no_finding",
    "notumor",
}


_OWN_COLUMNS = ("file", "label", "split", "patient_id", "group", "mask")


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``folder:DIR``.

    With a ``metadata.csv`` its columns are ``file`` and ``label``, and optionally ``split``, ``patient_id``, ``group``
    and ``mask`` (an image of the same size that shows where the lesion lies); any other column becomes an attribute of
    its case. Without one, every sub-folder that holds images is a class. Rows whose image is not there, and files in
    class folders that are no pictures, are quarantined with the reason; a row whose mask is not there loses it.

    Option ``ordinal=none,mild,severe`` gives the classes an order, least first. Option ``findings=effusion,edema``
    asks several findings at once: each is a column of ``metadata.csv`` with 1, 0, or -1 or nothing for unknown, and
    ``label`` is not needed.

    Raises
    ------
    InputError, CohortError
        For a missing folder, more than half of the files missing, duplicate rows, unknown parts, or too few cases.
    """
    folder = Path(rest).expanduser()
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", expected="a folder of images", hint="check the path")
    table = folder / "metadata.csv"
    findings = tuple(name.strip() for name in options.get("findings", "").split(",") if name.strip())
    quarantined: dict[str, str] = {}
    is_listed = table.is_file() or bool(findings)
    rows = _from_csv(table, quarantined, findings) if is_listed else _from_subfolders(folder, quarantined)
    classes = findings or classes_asked(options, [label for _, label, _ in rows])
    task = (
        Task(classes=findings, positive=0, kind="multilabel")
        if findings
        else graded(classes, positive_class(classes, options.get("positive")), options)
    )
    cases = tuple(
        Case(case_id=name, label=0 if findings else classes.index(label), path=folder / name, **facts)
        for name, label, facts in rows
    )
    return Cohort(
        name=folder.resolve().name,
        task=task,
        cases=cases,
        source=f"folder:{folder.resolve().name}",
        may_flip=options.get("may_flip", "") == "yes",
        quarantined=quarantined,
    )


def positive_class(classes: tuple[str, ...], asked: str | None) -> int:
    """The class that was asked for, else the last one whose name does not say "healthy"."""
    if asked is not None:
        if asked not in classes:
            raise InputError(
                f"no class called {asked!r}", expected="one of " + ", ".join(classes), hint="see --positive"
            )
        return classes.index(asked)
    ill = [i for i, name in enumerate(classes) if name.lower() not in _HEALTHY_WORDS]
    return ill[-1] if ill else len(classes) - 1


Row = tuple[str, str, dict]


def _from_subfolders(folder: Path, quarantined: dict[str, str]) -> list[Row]:
    rows: list[Row] = []
    for child in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for path in _files_below(child):
            name = path.relative_to(folder).as_posix()
            if path.suffix.lower() in IMAGE_SUFFIXES:
                rows.append((name, child.name, {}))
            else:
                quarantined[name] = f"{path.suffix} is no still picture; see clips:DIR, nifti:DIR, or convert it"
    if not rows:
        raise CohortError(
            f"{folder} has no metadata.csv and no sub-folder with images",
            expected="DIR/CLASS/image.png, or DIR/metadata.csv with the columns file,label",
            hint="see the how-to page on preparing a folder",
        )
    return rows


def _files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _from_csv(table: Path, quarantined: dict[str, str], findings: tuple[str, ...] = ()) -> list[Row]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            lines = list(reader)
    except OSError as error:
        raise CohortError(
            f"{table} cannot be read: {error.strerror}", expected="a table of the findings", hint="write one"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CohortError(
            f"{table} is not a readable UTF-8 CSV: {error}", expected="UTF-8, commas", hint="save it again as CSV UTF-8"
        ) from None
    lacking = [name for name in ("file", *(findings or ("label",))) if name not in columns]
    if lacking:
        raise CohortError(
            f"{table} has no column {', '.join(lacking)}",
            expected="file,label and optionally split,patient_id,group,mask",
            hint=f"it has: {', '.join(columns)}",
        )
    _check_rows(table, lines)
    for number, line in enumerate(lines, start=2):
        mask = (line.get("mask") or "").strip()
        if mask and not (table.parent / mask).is_file():
            quarantined[mask] = f"line {number}: there is no such mask; its image is used without one"
            line["mask"] = ""
        if not (table.parent / line["file"]).is_file():
            quarantined[line["file"]] = f"line {number}: there is no such file"
    numbered = [(i, line) for i, line in enumerate(lines, start=2) if line["file"] not in quarantined]
    return [_row(table, i, line, findings) for i, line in numbered]


def _check_rows(table: Path, lines: list[dict[str, str]]) -> None:
    """Refuse what is wrong with the table as a whole; single files that lack are quarantined."""
    names = [line["file"] or "" for line in lines]
    masks = [name for line in lines if (name := (line.get("mask") or "").strip())]
    lacking = [[name for name in kind if not name or not (table.parent / name).is_file()] for kind in (names, masks)]
    absent = [name or "(blank)" for kind in lacking for name in kind]
    if "" in lacking[0] or 2 * len(lacking[0]) > len(names) or 2 * len(lacking[1]) > len(masks):
        raise CohortError(
            f"{table} lists {len(absent)} files that do not exist: {', '.join(absent[:5])}",
            expected=f"paths relative to {table.parent}",
            hint="correct the rows, or copy the files there",
        )
    twice = [str(name) for name, n in Counter(PurePosixPath(name) for name in names).items() if n > 1]
    if twice:
        raise CohortError(
            f"{table} lists {len(twice)} files more than once: {', '.join(twice[:5])}",
            expected="one row a file",
            hint="remove the duplicate rows",
        )


def _row(table: Path, number: int, line: dict[str, str], findings: tuple[str, ...]) -> Row:
    label = (line.get("label") or "").strip()
    if not label and not findings:
        raise CohortError(
            f"{table} line {number} has no label", expected="a class name", hint="fill it, or remove the row"
        )
    part = part_named((line.get("split") or "").strip(), f"{table} line {number}")
    mask = (line.get("mask") or "").strip()
    facts = {
        "part": part,
        "patient_id": (line.get("patient_id") or "").strip() or None,
        "group": (line.get("group") or "").strip() or None,
        "mask_path": table.parent / mask if mask else None,
        "attributes": _attributes(line, findings),
        "marks": tuple(
            mark_of((line.get(name) or "").strip(), f"{table} line {number}, column {name},") for name in findings
        ),
    }
    return line["file"], label, facts


def _attributes(line: dict[str, str], findings: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Columns of the source's own, by name; blank ones are not known, cells beyond the header have no name."""
    named = (*_OWN_COLUMNS, *findings)
    known = {column: (value or "").strip() for column, value in line.items() if column and column not in named}
    return tuple(sorted((column.strip(), value) for column, value in known.items() if value))
