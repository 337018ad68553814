"""``boxes:DIR``: images with a table of boxes."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.data.cohort import Cohort
from bedside.data.sources.drawn_boxes import Drawn, Gathering, number, positive_object
from bedside.data.sources.tables import folder_at, part_named, rows_of, unknown_layout

_TABLES = ("metadata.csv", "boxes.csv")
_BOX_COLUMNS = ("file", "label", "xmin", "ymin", "xmax", "ymax")
_OWN_COLUMNS = ("file", "split", "patient_id", "group", "width", "height", "n_boxes", "orig_width", "orig_height")
_WHAT = "images with a table of boxes"


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``boxes:DIR``.

    Looked for: ``metadata.csv`` with ``file`` and optionally ``split``, ``patient_id`` and ``group``, one row an image,
    those without an object included; any other column becomes an attribute. And ``boxes.csv`` with ``file``,
    ``label``, ``xmin``, ``ymin``, ``xmax``, ``ymax`` in pixels of the image, the last two exclusive. Option
    ``positive`` names the kind of object that is looked for first of all; ``may_flip=yes`` says that a mirrored image
    is possible.

    Raises
    ------
    InputError, CohortError
        For another layout, an unknown split, or an image listed twice.
    """
    folder = folder_at(rest, "a folder of images with metadata.csv and boxes.csv")
    if not all((folder / name).is_file() for name in _TABLES):
        raise unknown_layout(folder, _WHAT, " and ".join(_TABLES))
    images = list(rows_of(folder / "metadata.csv", ("file",)))
    twice = [name for name, n in Counter(str(PurePosixPath(row["file"])) for _, row in images).items() if n > 1]
    if twice:
        raise CohortError(
            f"{folder / 'metadata.csv'} lists {len(twice)} files more than once: {', '.join(twice[:5])}",
            expected="one row a file", hint="remove the duplicate rows",
        )  # fmt: skip
    gathering = Gathering()
    names = {row["file"] for _, row in images}
    drawn, classes = _drawn(folder / "boxes.csv", names, gathering)
    for line, row in images:
        gathering.add(
            row["file"],
            folder / row["file"],
            drawn[row["file"]],
            part=part_named(row.get("split", ""), f"metadata.csv line {line}"),
            patient_id=row.get("patient_id") or None,
            group=row.get("group") or None,
            attributes=tuple(sorted((k, v) for k, v in row.items() if v and k not in _OWN_COLUMNS)),
        )
    return Cohort(
        name=folder.resolve().name,
        task=Task(classes=classes, positive=positive_object(classes, options.get("positive")), kind="detection"),
        cases=tuple(gathering.cases),
        source=f"boxes:{folder.resolve().name}",
        may_flip=options.get("may_flip", "") == "yes",
        quarantined=gathering.quarantined,
    )


def _drawn(table: Path, names: set[str], gathering: Gathering) -> tuple[dict[str, list[Drawn]], tuple[str, ...]]:
    """Boxes by image, and the names of their kinds."""
    rows = [(line, row) for line, row in rows_of(table, _BOX_COLUMNS)]
    classes = tuple(sorted({row["label"] for _, row in rows if row["label"]}))
    if not classes:
        raise CohortError(f"{table} has no box with a label", expected="one at least", hint="check the label column")
    drawn: dict[str, list[Drawn]] = defaultdict(list)
    for line, row in rows:
        where = f"{table.name} line {line}"
        if row["file"] not in names:
            gathering.set_aside(where, f"its file {row['file'] or '(blank)'} is not in metadata.csv")
        elif not row["label"]:
            gathering.set_aside(where, "it has no label")
        else:
            x0, y0, x1, y1 = (number(row[column]) for column in _BOX_COLUMNS[2:])
            label = classes.index(row["label"])
            drawn[row["file"]].append(Drawn(label=label, x0_px=x0, y0_px=y0, x1_px=x1, y1_px=y1, where=where))
    return drawn, classes
