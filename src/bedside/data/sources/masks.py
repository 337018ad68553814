"""``masks:DIR``: images and their masks: a metadata.csv, or images/ and masks/ with equal names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bedside.base.errors import BedsideError, CohortError, InputError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.label_numbers import last_label
from bedside.data.raster_labels import looks_black_and_white, read_mask_values
from bedside.data.reading import IMAGE_SUFFIXES, read_image
from bedside.data.sources.tables import choice, folder_at, part_named, rows_of, unknown_layout

_LAYOUT = "metadata.csv with the columns file (or image) and mask, or the folders images/ and masks/ with equal names"
MOST_CLASSES = 64
"""More numbers than these in unnamed masks are taken for a mistake."""
_OBJECTS = "; with --option instances=yes each number is an object of one class"
_COLUMN = "where masks stand in another column, name it: --option mask_column=NAME"
_OWN_COLUMNS = ("file", "image", "mask", "split", "patient_id", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A case with the values in its mask, and whether that mask is black and white rather than numbered."""

    case: Case
    numbers: tuple[int, ...] = (0,)
    is_white: bool = False

    @property
    def highest(self) -> int:
        """Largest value in the mask."""
        return self.numbers[-1]


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``masks:DIR``; options ``classes``, ``instances``, ``mask_column`` and ``may_flip``.

    Classes are names, the background first. A ``metadata.csv`` has the columns ``file`` (or ``image``) and ``mask``
    (or that which `mask_column` names), and optionally ``split``, ``patient_id`` and ``group``; any other column
    becomes an attribute. A mask is a picture of its image's size: 0 and 255, or the
    numbers of the classes; with ``instances=yes`` it numbers the objects of one class. Every mask is looked at; one
    that cannot be used is quarantined with the reason.

    Raises
    ------
    InputError, CohortError
        If the folder has another layout, or nothing in it can be used.
    """
    folder = folder_at(rest, _LAYOUT)
    quarantined: dict[str, str] = {}
    instances = choice(options, "instances", ("no", "yes")) == "yes"
    cases = _cases(folder, options.get("mask_column") or "mask", quarantined)
    pairs = [pair for case in cases if (pair := _looked_at(case, instances, quarantined)) is not None]
    if not pairs:
        raise CohortError(
            f"{folder} has no image with a mask that can be used; first: {next(iter(quarantined.items()), '')}",
            expected="masks of the size of their images", hint="see docs/how-to/segment.md",
        )  # fmt: skip
    task = _task(pairs, options)
    is_white = task.n_classes == 2 and _is_black_and_white(pairs)
    kept = [pair for pair in pairs if _fits(pair, is_white, task, quarantined)]
    has_labels = task.n_classes > 2
    return Cohort(
        name=folder.resolve().name,
        task=task,
        cases=tuple(
            replace(p.case, label=p.highest, marks=tuple(int(k in p.numbers) for k in range(task.n_classes)))
            if has_labels
            else replace(p.case, label=int(p.highest > 0))
            for p in kept
        ),
        source=f"masks:{folder.resolve().name}",
        may_flip=options.get("may_flip", "") == "yes",
        quarantined=quarantined,
    )


def _cases(folder: Path, column: str, quarantined: dict[str, str]) -> Iterator[Case]:
    if (folder / "metadata.csv").is_file():
        yield from _from_table(folder, column, quarantined)
    elif (folder / "images").is_dir() and (folder / "masks").is_dir():
        yield from _from_folders(folder, quarantined)
    else:
        raise unknown_layout(folder, "a folder of images and masks", _LAYOUT)


def _from_table(folder: Path, column: str, quarantined: dict[str, str]) -> Iterator[Case]:
    table, seen, own = folder / "metadata.csv", set(), {*_OWN_COLUMNS, column}
    for number, row in rows_of(table, (column,), hint=_COLUMN):
        name = row.get("file") or row.get("image") or ""
        if not name or name in seen:
            raise CohortError(
                f"{table} line {number} {'names ' + name + ' again' if name else 'names no image'}",
                expected="one row an image, in a column file or image", hint="correct the row",
            )  # fmt: skip
        seen.add(name)
        if lacking := [part for part in (name, row[column]) if not part or not (folder / part).is_file()]:
            quarantined[name] = f"line {number}: no file {lacking[0] or 'named as its mask'}"
            continue
        yield Case(
            case_id=name,
            label=0,
            path=folder / name,
            mask_path=folder / row[column],
            part=part_named(row.get("split", ""), f"{table} line {number}"),
            patient_id=row.get("patient_id") or None,
            group=row.get("group") or None,
            attributes=tuple(sorted((key, value) for key, value in row.items() if value and key not in own)),
        )


def _from_folders(folder: Path, quarantined: dict[str, str]) -> Iterator[Case]:
    masks = {path.stem: path for path in _pictures(folder / "masks")}
    images = list(_pictures(folder / "images"))
    for path in images:
        name = path.relative_to(folder).as_posix()
        if path.stem not in masks:
            quarantined[name] = f"masks/ has no picture called {path.stem}"
            continue
        yield Case(case_id=name, label=0, path=path, mask_path=masks[path.stem])
    named = {path.stem for path in images}
    quarantined.update(
        {f"masks/{masks[stem].name}": "images/ has no picture of that name" for stem in masks if stem not in named}
    )


def _pictures(folder: Path) -> Iterator[Path]:
    files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return iter(sorted(path for path in files if path.suffix.lower() in IMAGE_SUFFIXES))


def _looked_at(case: Case, instances: bool, quarantined: dict[str, str]) -> _Pair | None:
    """Read a mask and its image's size; None, and a line in `quarantined`, where they cannot be used."""
    if case.path is None or case.mask_path is None:
        return None
    try:
        values, size = read_mask_values(case.mask_path), read_image(case.path).shape[:2]
    except BedsideError as error:
        quarantined[case.case_id] = error.message
        return None
    if values.shape != size:
        quarantined[case.case_id] = f"its mask is {values.shape}, its image {size}"
        return None
    if instances:
        return _Pair(case=replace(case, mask_counts_objects=True), numbers=(0, int(values.any())))
    return _Pair(case=case, numbers=tuple(np.unique(values).tolist()), is_white=looks_black_and_white(values))


def _task(pairs: list[_Pair], options: Mapping[str, str]) -> Task:
    names = tuple(name.strip() for name in options.get("classes", "").split(",") if name.strip())
    if not names:
        n_classes = (
            2
            if _is_black_and_white(pairs)
            else 1 + last_label([pair.numbers for pair in pairs], "the source", _OBJECTS)
        )
        if n_classes > MOST_CLASSES:
            raise CohortError(
                f"the masks hold numbers up to {n_classes - 1}, which nobody named",
                expected=f"0 and 255, or the numbers of at most {MOST_CLASSES} classes",
                hint="with --option instances=yes each number is an object of one class; or name the classes: classes=",
            )
        names = ("background", "lesion") if n_classes == 2 else ("background", *map(_numbered, range(1, n_classes)))
    if options.get("instances") == "yes" and len(names) != 2:
        raise InputError(
            f"instances=yes with the classes {', '.join(names)}", expected="the background and one more",
            hint="leave one of the two options out",
        )  # fmt: skip
    return Task(classes=names, positive=1, kind="segmentation")


def _numbered(k: int) -> str:
    return f"label {k}"


def _is_black_and_white(pairs: list[_Pair]) -> bool:
    """Whether most of the masks that mark anything are white where they do."""
    marked = [pair.is_white for pair in pairs if pair.highest > 0]
    return 2 * sum(marked) >= max(1, len(marked))


def _fits(pair: _Pair, is_white: bool, task: Task, quarantined: dict[str, str]) -> bool:
    """Whether the labels of a mask are those of the cohort; where not, `quarantined` gets a line."""
    if is_white:
        if pair.highest > 1 and not pair.is_white:
            quarantined[pair.case.case_id] = f"its mask has values up to {pair.highest}, most others 0 and 255"
            return False
        return True
    if pair.highest >= task.n_classes:
        quarantined[pair.case.case_id] = (
            f"its mask holds the label {pair.highest}, the classes end at {task.n_classes - 1}; with the option "
            "instances=yes numbers are objects"
        )
        return False
    return True
