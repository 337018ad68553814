"""``clips:DIR``: clips as video files, or as frames in one file each, with a clips.csv and maybe a metadata.csv."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from bedside.base.errors import BedsideError, CohortError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.clip import VIDEO_SUFFIXES
from bedside.data.cohort import Cohort
from bedside.data.reading import kind_of_file
from bedside.data.sources.folder import positive_class
from bedside.data.sources.tables import choice, folder_at, part_named, rows_of, unknown_layout

_LAYOUTS = (
    "clips.csv with clip_id, label and file (a clip a file), or clips.csv with clip_id and label beside metadata.csv "
    "with clip_id, frame_index and file (a frame a file)"
)
_OWN_COLUMNS = ("clip_id", "label", "patient_id", "group", "split", "file")

Row = dict[str, str]


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``clips:DIR``.

    ``clips.csv`` has a row a clip: ``clip_id``, ``label``, and optionally ``patient_id``, ``group``, ``split``; every
    other column becomes an attribute. The frames are in the clip's own ``file``, or in the files that ``metadata.csv``
    lists by ``clip_id`` and ``frame_index``. Option ``merge`` joins classes: ``bacterial_pneumonia+viral_pneumonia``.
    Option ``stills`` says what becomes of clips of one frame: ``keep`` or ``drop``.

    A clip that has no frame, or one that is missing or no picture, is quarantined by name with the reason.

    Raises
    ------
    InputError, CohortError
        For a missing folder, another layout, a clip without a label or named twice, or no clip that can be used.
    """
    folder = folder_at(rest, "a folder of clips")
    rows = _clip_rows(folder)
    frames, stills = _frames_of(folder, rows), choice(options, "stills", ("keep", "drop"))
    quarantined: dict[str, str] = {}
    used: list[tuple[Row, tuple[Path, ...]]] = []
    for name, row in rows.items():
        paths = tuple(folder / file for file in frames.get(name, ()))
        reason = _why_not(name, paths) or (_still(paths) if stills == "drop" else "")
        if reason:
            quarantined[name] = reason
        else:
            used.append((row, paths))
    return _cohort(folder, used, quarantined, options)


def _cohort(
    folder: Path, used: Sequence[tuple[Row, tuple[Path, ...]]], quarantined: dict[str, str], options: Mapping[str, str]
) -> Cohort:
    if not used:
        first = next(iter(quarantined.values()), "clips.csv has no rows")
        raise CohortError(
            f"no clip of {folder} can be used: {first}", expected=_LAYOUTS, hint="see docs/how-to/clips.md"
        )
    merged = _merged(options.get("merge", ""), {row["label"] for row, _ in used})
    classes = tuple(sorted({merged.get(row["label"], row["label"]) for row, _ in used}))
    return Cohort(
        name=folder.resolve().name,
        task=Task(classes=classes, positive=positive_class(classes, options.get("positive"))),
        cases=tuple(_case(row, paths, classes.index(merged.get(row["label"], row["label"]))) for row, paths in used),
        source=f"clips:{folder.resolve().name}",
        may_flip=options.get("may_flip", "") == "yes",
        quarantined=quarantined,
    )


def _case(row: Row, paths: tuple[Path, ...], label: int) -> Case:
    return Case(
        case_id=row["clip_id"],
        label=label,
        patient_id=row.get("patient_id") or None,
        group=row.get("group") or None,
        part=part_named(row.get("split", ""), f"clip {row['clip_id']}"),
        path=paths[len(paths) // 2],
        frame_paths=paths,
        attributes=tuple(sorted((k, v) for k, v in row.items() if k and k not in _OWN_COLUMNS and v)),
    )


def _clip_rows(folder: Path) -> dict[str, Row]:
    """Rows of clips.csv by clip; every mistake is named with its line."""
    table = folder / "clips.csv"
    if not table.is_file():
        raise unknown_layout(folder, "a folder of clips", _LAYOUTS)
    rows: dict[str, Row] = {}
    for number, row in rows_of(table, ("clip_id", "label")):
        for column in ("clip_id", "label"):
            if not row[column]:
                raise CohortError(f"{table} line {number} has no {column}", expected="one", hint="fill it")
        if row["clip_id"] in rows:
            raise CohortError(
                f"{table} line {number} names the clip {row['clip_id']} again", expected="one row a clip",
                hint="remove one",
            )  # fmt: skip
        rows[row["clip_id"]] = row
    return rows


def _frames_of(folder: Path, rows: Mapping[str, Row]) -> dict[str, list[str]]:
    """Files of each clip in the order of time, relative to the folder."""
    if any("file" in row for row in rows.values()):
        return {name: [row["file"]] for name, row in rows.items() if row["file"]}
    table = folder / "metadata.csv"
    if not table.is_file():
        raise unknown_layout(folder, "a folder of clips", _LAYOUTS)
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, row in rows_of(table, ("clip_id", "frame_index", "file")):
        if not row["frame_index"].isdecimal():
            raise CohortError(
                f"{table} line {number} has the frame_index {row['frame_index']!r}", expected="0, 1, 2 ...",
                hint="correct it",
            )  # fmt: skip
        found[row["clip_id"]].append((int(row["frame_index"]), row["file"]))
    return {name: [file for _, file in sorted(frames)] for name, frames in found.items()}


def _why_not(name: str, paths: Sequence[Path]) -> str:
    """Why a clip cannot be used, or an empty string."""
    if not paths:
        return f"the clip {name} has no frames: it is empty"
    if twice := [path.name for path, n in Counter(paths).items() if n > 1]:
        return f"the clip {name} lists {twice[0]} twice"
    for path in paths:
        if not path.is_file():
            return f"{path.name} is not there"
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            try:
                kind_of_file(path)
            except BedsideError as error:
                return error.message
        elif not path.stat().st_size:
            return f"{path.name} is empty (0 bytes)"
    return ""


def _still(paths: Sequence[Path]) -> str:
    is_still = len(paths) == 1 and paths[0].suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp")
    return "a still image, left out by the option stills=drop" if is_still else ""


def _merged(asked: str, labels: set[str]) -> dict[str, str]:
    """Old class to new, from ``a+b`` or ``a+b,c+d``."""
    new: dict[str, str] = {}
    for joined in filter(None, asked.split(",")):
        names = joined.split("+")
        if unknown := [name for name in names if name not in labels]:
            raise CohortError(
                f"merge={asked} names the class {unknown[0]!r}",
                expected="classes of " + ", ".join(sorted(labels)),
                hint="correct it",
            )
        new |= dict.fromkeys(names, joined)
    return new
