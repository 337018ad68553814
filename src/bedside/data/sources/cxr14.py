"""``nih-cxr14:DIR``: NIH ChestX-ray14 as it is distributed (Wang et al., CVPR 2017)."""

from collections.abc import Mapping
from pathlib import Path

from bedside.base.errors import CohortError, InputError
from bedside.base.task import Task
from bedside.data.case import Case, Part
from bedside.data.cohort import Cohort
from bedside.data.sources.findings import findings_asked
from bedside.data.sources.tables import choice, folder_at, rows_of, unknown_layout

FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia",
            "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax")  # fmt: skip
NOTHING = "No Finding"
_TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
_LISTS = ("train_val_list.txt", "test_list.txt")
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID")


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``nih-cxr14:DIR``.

    Looked for: ``Data_Entry_2017_v2020.csv`` or ``Data_Entry_2017.csv``; the images in ``images/`` or in
    ``images_001/images/`` to ``images_012/images/``; and ``train_val_list.txt`` with ``test_list.txt``, the official
    split by patient, if they are there.

    Option ``positive`` names one of the 14 findings, asked against its absence; without it any finding is asked
    against "No Finding". Option ``task=multilabel`` asks all 14 at once, or those of ``findings``. Option ``view`` is
    ``all`` (the default), ``PA`` or ``AP``. Labels were mined from reports by a program, and are wrong for some images.

    Raises
    ------
    InputError, CohortError
        For another layout, an unknown finding, or a table with unknown labels.
    """
    folder = folder_at(rest, "the folder of NIH ChestX-ray14")
    table = next((folder / name for name in _TABLES if (folder / name).is_file()), None)
    if table is None:
        raise unknown_layout(folder, "NIH ChestX-ray14", " or ".join(_TABLES))
    finding = options.get("positive")
    if finding is not None and finding not in FINDINGS:
        raise InputError(
            f"no finding called {finding!r}", expected="one of " + ", ".join(FINDINGS), hint="see --positive"
        )
    several = findings_asked(options, FINDINGS) if _asks_several(options) else ()
    view = choice(options, "view", ("all", "PA", "AP"))
    places, parts = _images(folder), _official_parts(folder)
    cases, absent = [], {}
    for number, row in rows_of(table, _COLUMNS):
        name = row["Image Index"]
        labels = _labels_of(row["Finding Labels"], f"{table} line {number}")
        if view != "all" and row.get("View Position", "") != view:
            continue
        if name not in places:
            absent[name] = f"{table.name} line {number} lists {name}, which is in no image folder"
            continue
        cases.append(
            Case(
                case_id=name,
                label=0 if several else int(finding in labels if finding else bool(labels)),
                marks=tuple(int(name in labels) for name in several),
                patient_id=f"nih-{row['Patient ID']}",
                part=parts.get(name),
                path=places[name],
            )
        )
    if not cases:
        raise unknown_layout(folder, "NIH ChestX-ray14", "the listed PNGs in images/ or images_*/images/")
    classes = (f"no {finding}", finding) if finding else (NOTHING, "any finding")
    task = Task(classes=several, positive=0, kind="multilabel") if several else Task(classes=classes, positive=1)
    return Cohort(
        name=f"nih-cxr14-{'findings' if several else finding or 'any'}".lower(),
        task=task,
        cases=tuple(cases),
        source=f"nih-cxr14:{folder.resolve().name}",
        licence="NIH Clinical Center, attribution asked",
        modality="X-ray",
        quarantined=absent,
    )


def _asks_several(options: Mapping[str, str]) -> bool:
    return choice(options, "task", ("classification", "multilabel")) == "multilabel"


def _labels_of(text: str, where: str) -> set[str]:
    labels = {word.strip() for word in text.split("|")} - {NOTHING}
    if unknown := labels - set(FINDINGS):
        raise CohortError(
            f"{where} has the label {', '.join(sorted(unknown)) or 'nothing'}",
            expected=f"{NOTHING}, or findings of {', '.join(FINDINGS)}, parted by |",
            hint="download the table again",
        )
    return labels


def _images(folder: Path) -> dict[str, Path]:
    """Where each PNG is, by name."""
    places = [folder / "images", *sorted(folder.glob("images_*/images")), *sorted(folder.glob("images_*"))]
    return {path.name: path for place in places if place.is_dir() for path in place.glob("*.png")}


def _official_parts(folder: Path) -> dict[str, Part]:
    """Official part of each image: development for training and tuning together, and test."""
    here = [folder / name for name in _LISTS if (folder / name).is_file()]
    if len(here) == 1:
        raise unknown_layout(folder, "NIH ChestX-ray14", " and ".join(_LISTS) + ", both or neither")
    parts: dict[str, Part] = {}
    official: tuple[Part, ...] = ("development", "test")
    for path, part in zip(here, official, strict=False):
        parts |= {line.strip(): part for line in path.read_text().splitlines() if line.strip()}
    return parts
