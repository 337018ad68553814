"""``chexpert:DIR``: CheXpert as it is distributed (Irvin et al., AAAI 2019), with its uncertain labels."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from bedside.base.errors import CohortError, InputError
from bedside.base.task import Task
from bedside.data.case import Case, Part
from bedside.data.cohort import Cohort
from bedside.data.sources.findings import findings_asked
from bedside.data.sources.tables import choice, folder_at, rows_of, unknown_layout

OBSERVATIONS = ("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
                "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other",
                "Fracture", "Support Devices")  # fmt: skip
EVALUATED = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""Observations of the paper's own evaluation."""

UNKNOWN = -1
_TABLES: dict[str, Part] = {"train.csv": "development", "valid.csv": "tuning", "test.csv": "test"}


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``chexpert:DIR``.

    Looked for: ``train.csv`` and ``valid.csv`` (and ``test.csv`` or ``test_labels.csv``), whose column ``Path`` names
    the images, with or without the folder's own name in front. ``valid.csv`` is tuning; without a test table both are
    divided anew by patient.

    Option ``positive`` names the observation that is asked for (default Pleural Effusion); ``uncertain`` says what -1
    is: ``ignore`` (the default: the image is left out, or with several observations the mark is unknown), ``zero`` or
    ``one``; an empty cell is "not mentioned" and
    counts as negative, as in the paper. Option ``view`` is ``frontal`` (the default), ``lateral`` or ``all``.

    Option ``task=multilabel`` asks several observations at once: those of ``findings``, or the five that the paper
    evaluates. An image of which none is known is left out.

    Raises
    ------
    InputError, CohortError
        For another layout, an unknown observation, or a label that is not 1, 0, -1 or empty.
    """
    folder = folder_at(rest, "the folder of CheXpert")
    observation = options.get("positive", "Pleural Effusion")
    if observation not in OBSERVATIONS:
        raise InputError(
            f"no observation called {observation!r}",
            expected="one of " + ", ".join(OBSERVATIONS),
            hint="see --positive",
        )
    is_one = choice(options, "task", ("classification", "multilabel")) == "classification"
    asked = (observation,) if is_one else findings_asked(options, OBSERVATIONS, EVALUATED)
    uncertain = choice(options, "uncertain", ("ignore", "zero", "one"))
    view = choice(options, "view", ("frontal", "lateral", "all"))
    tables = _tables(folder)
    cases: list[Case] = []
    absent: dict[str, str] = {}
    for table, part in tables.items():
        for number, row in rows_of(table, ("Path", *asked)):
            labels = [_label(row[name], uncertain, f"{table} line {number}") for name in asked]
            if all(label is None for label in labels) or not _is_of_view(row, view):
                continue
            path = _image(folder, row["Path"])
            name = path.relative_to(folder).as_posix()
            if not path.is_file():
                absent[name] = f"{table.name} line {number} lists {name}, which is not there"
                continue
            known = part if len(tables) == len(_TABLES) else None
            marks = tuple(UNKNOWN if label is None else label for label in labels)
            cases.append(
                Case(
                    case_id=name,
                    label=marks[0] if is_one else 0,
                    marks=() if is_one else marks,
                    patient_id=_patient(name, table, number),
                    part=known,
                    path=path,
                )
            )
    if not cases:
        raise unknown_layout(folder, "CheXpert", "the images that the column Path names")
    return Cohort(
        name=f"chexpert-{observation.lower().replace(' ', '-') if is_one else 'observations'}",
        task=Task(classes=(f"no {observation}", observation), positive=1)
        if is_one
        else Task(classes=asked, positive=0, kind="multilabel"),
        cases=tuple(cases),
        source=f"chexpert:{folder.resolve().name}",
        licence="Stanford University Dataset Research Use Agreement",
        modality="X-ray",
        quarantined=absent,
    )


def _tables(folder: Path) -> dict[Path, Part]:
    found: dict[Path, Part] = {folder / name: part for name, part in _TABLES.items() if (folder / name).is_file()}
    if (folder / "test_labels.csv").is_file() and folder / "test.csv" not in found:
        found[folder / "test_labels.csv"] = "test"
    if folder / "train.csv" not in found:
        raise unknown_layout(folder, "CheXpert", "train.csv, valid.csv and test.csv or test_labels.csv")
    return found


def _label(cell: str, uncertain: str, where: str) -> int | None:
    """Label of one cell; None leaves the image out."""
    try:
        value = float(cell or 0)
    except ValueError:
        value = 9.0
    if value == -1:
        return {"ignore": None, "zero": 0, "one": 1}[uncertain]
    if value not in (0, 1):
        raise CohortError(f"{where} has the label {cell!r}", expected="1, 0, -1 or empty", hint="check the table")
    return int(value)


def _is_of_view(row: Mapping[str, str], view: str) -> bool:
    named = row.get("Frontal/Lateral", "").lower() or ("frontal" if "frontal" in row["Path"] else "lateral")
    return view in ("all", named)


def _image(folder: Path, listed: str) -> Path:
    parts = PurePosixPath(listed).parts
    return folder.joinpath(*parts[1:]) if parts and parts[0].lower().startswith("chexpert") else folder.joinpath(*parts)


def _patient(name: str, table: Path, number: int) -> str:
    patient = next((word for word in PurePosixPath(name).parts if word.startswith("patient")), None)
    if patient is None:
        raise CohortError(
            f"{table} line {number} names no patient: {name}", expected=".../patient00001/study1/...", hint="check Path"
        )
    return patient
