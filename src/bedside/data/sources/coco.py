"""``coco:DIR``: boxes in COCO's instances files (Lin et al., ECCV 2014)."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.data.case import Part
from bedside.data.cohort import Cohort
from bedside.data.sources.drawn_boxes import Drawn, Gathering, held_out, number, positive_object
from bedside.data.sources.tables import PART_WORDS, folder_at, unknown_layout

_LISTS = ("images", "annotations", "categories")
_LOOKED_FOR = (
    "annotations/instances_LIST.json with the images in LIST/ or images/; or LIST/_annotations.coco.json beside its "
    "images; or instances.json or annotations.json with the images in images/ or beside it"
)


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``coco:DIR``.

    Looked for: ``annotations/instances_LIST.json`` with the images in ``LIST/`` or ``images/`` (as COCO is
    distributed; a list such as ``train2017`` is the part that it begins with), or ``LIST/_annotations.coco.json`` with
    the images beside it, or one ``instances.json`` or ``annotations.json`` with the images in ``images/`` or beside it.
    Without a test list, ``val`` is the test part. Categories that no annotation uses are left out; crowds
    (``iscrowd``) are one box around many objects and are set aside.

    Raises
    ------
    InputError, CohortError
        For another layout, or JSON that is not COCO's.
    """
    folder = folder_at(rest, "the folder of a COCO data set")
    found = _files(folder)
    if not found:
        raise unknown_layout(folder, "COCO", _LOOKED_FOR)
    parts = held_out({name: part for name in found if (part := _part_of(name)) is not None})
    if parts and len(parts) < len(found):
        odd = ", ".join(sorted(set(found) - set(parts)))
        raise unknown_layout(folder, "COCO", f"lists that begin with train, val or test, not {odd}")
    contents = {name: _read(path) for name, (path, _) in found.items()}
    classes, label_of = _categories(contents, folder)
    gathering = Gathering()
    for name, content in contents.items():
        _gather(gathering, content, found[name], label_of, parts.get(name), name if len(found) > 1 else "")
    return Cohort(
        name=folder.resolve().name,
        task=Task(classes=classes, positive=positive_object(classes, options.get("positive")), kind="detection"),
        cases=tuple(gathering.cases),
        source=f"coco:{folder.resolve().name}",
        licence=_licence(contents),
        may_flip=options.get("may_flip", "") == "yes",
        quarantined=gathering.quarantined,
    )


def _files(folder: Path) -> dict[str, tuple[Path, tuple[Path, ...]]]:
    """Annotation file of each list, and the folders where its images may be."""
    found = {}
    for path in sorted((folder / "annotations").glob("instances_*.json")):
        name = path.stem.removeprefix("instances_")
        found[name] = (path, (folder / name, folder / "images" / name, folder / "images"))
    for path in sorted(folder.glob("*/_annotations.coco.json")):
        found[path.parent.name] = (path, (path.parent,))
    if not found:
        for name in ("instances.json", "annotations.json"):
            if (folder / name).is_file():
                return {"": (folder / name, (folder / "images", folder))}
    return found


def _part_of(name: str) -> Part | None:
    """Part of a list such as ``train2017``."""
    return PART_WORDS.get(name.lower().rstrip("0123456789").strip("_-"))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise CohortError(
            f"{path} is not readable JSON: {error}", expected="COCO's instances", hint="copy it again"
        ) from None
    lists = [content.get(key) if isinstance(content, dict) else None for key in _LISTS]
    if not all(isinstance(found, list) and all(isinstance(row, dict) for row in found) for found in lists):
        raise CohortError(
            f"{path} is not an instances file", expected="an object with lists of " + ", ".join(_LISTS),
            hint="check the file",
        )  # fmt: skip
    return content


def _categories(contents: dict[str, dict[str, Any]], folder: Path) -> tuple[tuple[str, ...], dict[object, int]]:
    """Names of the used categories by number, and the label of each number."""
    names = {row.get("id"): str(row.get("name", "")) for one in contents.values() for row in one["categories"]}
    used = {row.get("category_id") for one in contents.values() for row in one["annotations"]} & set(names)
    numbers = sorted(used, key=lambda number: (str(type(number)), number))
    classes = tuple(names[number] for number in numbers)
    if twice := [name for name, n in Counter(classes).items() if n > 1]:
        raise CohortError(
            f"{folder} has two categories called {twice[0]!r}", expected="distinct names", hint="rename one"
        )
    if not classes:
        raise CohortError(f"{folder} has no annotated category", expected="one at least", hint="check the annotations")
    return classes, {number: label for label, number in enumerate(numbers)}


def _gather(
    gathering: Gathering, content: dict[str, Any], found: tuple[Path, tuple[Path, ...]], label_of: dict[object, int],
    part: Part | None, prefix: str,
) -> None:  # fmt: skip
    path, places = found
    numbers = {row.get("id") for row in content["images"]}
    drawn: dict[object, list[Drawn]] = defaultdict(list)
    for row in content["annotations"]:
        where = f"{path.name} annotation {row.get('id')}"
        reason = _reason(row, numbers, label_of)
        if reason:
            gathering.set_aside(where, reason)
            continue
        x, y, width, height = (number(value) for value in row["bbox"])
        drawn[row["image_id"]].append(
            Drawn(label=label_of[row["category_id"]], x0_px=x, y0_px=y, x1_px=x + width, y1_px=y + height, where=where)
        )
    for row in content["images"]:
        name = str(row.get("file_name", ""))
        stated = (int(number(row.get("height")) or 0), int(number(row.get("width")) or 0)) if _has_size(row) else None
        picture = next((place / name for place in places if name and (place / name).is_file()), places[0] / name)
        case_id = f"{prefix}/{name}" if prefix else name or f"image {row.get('id')}"
        gathering.add(case_id, picture, drawn[row.get("id")], part=part, stated=stated)


def _has_size(row: dict[str, Any]) -> bool:
    return all(isinstance(row.get(side), int | float) for side in ("height", "width"))


def _reason(row: dict[str, Any], numbers: set[object], label_of: dict[object, int]) -> str:
    """Why an annotation cannot be a box, or nothing."""
    if row.get("iscrowd"):
        return "it is a crowd: one box around many objects"
    if row.get("image_id") not in numbers:
        return f"its image {row.get('image_id')} is not in the list"
    if row.get("category_id") not in label_of:
        return f"its category {row.get('category_id')} is not in the list"
    box = row.get("bbox")
    return "" if isinstance(box, list) and len(box) == 4 else "it has no bbox of four numbers"


def _licence(contents: dict[str, dict[str, Any]]) -> str:
    rows = [row for one in contents.values() for row in one.get("licenses") or [] if isinstance(row, dict)]
    names = sorted({str(row["name"]) for row in rows if row.get("name")})
    return ", ".join(names) or "unknown"
