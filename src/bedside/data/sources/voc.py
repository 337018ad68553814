"""``voc:DIR``: boxes as Pascal VOC keeps them (Everingham et al., IJCV 2010)."""

from collections.abc import Mapping
from pathlib import Path

from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.data.case import Part
from bedside.data.cohort import Cohort
from bedside.data.reading import IMAGE_SUFFIXES
from bedside.data.sources.drawn_boxes import Drawn, Gathering, held_out, number, positive_object
from bedside.data.sources.safe_xml import Element, read_xml
from bedside.data.sources.tables import PART_WORDS, folder_at, unknown_layout

_LOOKED_FOR = "Annotations/*.xml, JPEGImages/ and, if the parts are fixed, ImageSets/Main/{train,val,test}.txt"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``voc:DIR``.

    Looked for: ``Annotations/NAME.xml`` and ``JPEGImages/NAME.*``, and the lists ``train.txt``, ``val.txt`` (or
    ``trainval.txt``) and ``test.txt`` in ``ImageSets/Main/`` if they are there; without a test list, ``val`` is the
    test part, and images in no list are left out. VOC counts pixels from 1 and includes the last one: a box of 1 to 20
    covers 0 to 20 here. Option ``difficult=no`` sets objects that are marked as difficult aside (the default keeps
    them); ``pixels=from-0`` takes corners as they stand, for the many tools that write VOC files without the offset.

    Raises
    ------
    InputError, CohortError
        For another layout, or if no annotation can be used.
    """
    folder = folder_at(rest, "the folder of a Pascal VOC data set")
    annotations, images = folder / "Annotations", folder / "JPEGImages"
    files = sorted(annotations.glob("*.xml")) if annotations.is_dir() else []
    if not files or not images.is_dir():
        raise unknown_layout(folder, "Pascal VOC", _LOOKED_FOR)
    parts = _parts(folder / "ImageSets" / "Main")
    chosen = [path for path in files if parts is None or path.stem in parts]
    gathering, roots = Gathering(), {}
    for path in chosen:
        try:
            roots[path.stem] = _annotation(path)
        except CohortError as error:
            gathering.set_aside(path.name, error.message)
    classes = tuple(
        sorted({name for root in roots.values() for row in root.all("object") if (name := row.find("name"))})
    )
    if not classes:
        raise CohortError(f"{annotations} names no object", expected="one at least", hint="check the annotations")
    pictures = {p.stem: p for p in sorted(images.iterdir()) if p.suffix.lower() in IMAGE_SUFFIXES}
    for stem, root in roots.items():
        stated = tuple(int(number(root.find("size", side)) or 0) if root.find("size", side) else 0 for side in
                       ("height", "width"))  # fmt: skip
        gathering.add(
            stem,
            pictures.get(stem, images / f"{stem}.jpg"),
            _drawn(root, stem, classes, options, gathering),
            part=None if parts is None else parts[stem],
            stated=(stated[0], stated[1]),
        )
    return Cohort(
        name=folder.resolve().name,
        task=Task(classes=classes, positive=positive_object(classes, options.get("positive")), kind="detection"),
        cases=tuple(gathering.cases),
        source=f"voc:{folder.resolve().name}",
        may_flip=options.get("may_flip", "") == "yes",
        quarantined=gathering.quarantined,
    )


def _annotation(path: Path) -> Element:
    root = read_xml(path)
    if root.tag != "annotation":
        raise CohortError(f"{path} is <{root.tag}>", expected="<annotation>", hint="is this a VOC file?")
    return root


def _drawn(
    root: Element, stem: str, classes: tuple[str, ...], options: Mapping[str, str], gathering: Gathering
) -> list[Drawn]:
    first = 0.0 if options.get("pixels") == "from-0" else 1.0
    drawn = []
    for i, row in enumerate(root.all("object"), start=1):
        where = f"{stem}.xml object {i}"
        if not row.find("name"):
            gathering.set_aside(where, "it has no name")
        elif options.get("difficult") == "no" and row.find("difficult") == "1":
            gathering.set_aside(where, "it is marked as difficult")
        else:
            x0, y0, x1, y1 = (number(row.find("bndbox", corner)) for corner in _CORNERS)
            label = classes.index(row.find("name"))
            drawn.append(Drawn(label=label, x0_px=x0 - first, y0_px=y0 - first, x1_px=x1, y1_px=y1, where=where))
    return drawn


def _parts(lists: Path) -> dict[str, Part] | None:
    """Part of each image that stands in a list; None where there are no lists."""
    here = {name: lists / f"{name}.txt" for name in ("train", "trainval", "val", "test")}
    here = {name: path for name, path in here.items() if path.is_file()}
    if "train" in here:
        here.pop("trainval", None)
    if not here:
        return None
    named = held_out({name: PART_WORDS.get(name, "development") for name in here})
    return {
        line.split()[0]: named[name] for name, path in here.items() for line in path.read_text().splitlines()
        if line.strip()
    }  # fmt: skip
