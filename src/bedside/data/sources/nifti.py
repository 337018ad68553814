"""``nifti:DIR``: volumes and label maps, paired by a table or by their names."""

import json
from collections.abc import Mapping
from pathlib import Path

from bedside.base.errors import CohortError
from bedside.data.cohort import Cohort
from bedside.data.label_numbers import last_label, stray
from bedside.data.modalities import Modalities, modalities_named
from bedside.data.nifti import SUFFIXES, nifti_stem
from bedside.data.sources.tables import choice, folder_at, part_named, rows_of, unknown_layout
from bedside.data.sources.volumes import VolumePair, checked, segmentation_cohort

_WHAT = "a folder of NIfTI volumes"
_TABLES = ("metadata.csv", "dataset.csv")
_LOOKED_FOR = f"{' or '.join(_TABLES)} with image,label[,split,patient_id], or images/*.nii.gz and labels/*.nii.gz"
_OWN_COLUMNS = ("image", "label", "split", "patient_id")


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``nifti:DIR``.

    With a ``metadata.csv`` its columns are ``image`` and ``label`` (paths relative to DIR) and optionally ``split`` and
    ``patient_id``; any other column becomes an attribute. Without one, ``images/NAME.nii.gz`` goes with
    ``labels/NAME.nii.gz``. Option ``classes`` names the labels from 0 on, the background first, separated by commas;
    so does a file ``labels.json``, as ``{"0": "background", "1": ...}``. Without either they are called by number.
    Option ``check`` is ``full`` (the default: every file is read) or ``header``.

    Files of four axes ``(X, Y, Z, modality)`` need ``modalities.json``, ``{"0": "T2", "1": "ADC"}``, that says what
    lies along the fourth; option ``modalities`` picks some by name, in the order of the model's channels.

    A pair with a singular affine, another grid, a number that has no name, or a damaged file is quarantined with the
    reason, and so is a volume without a label map.

    Raises
    ------
    InputError, CohortError
        For a missing folder, another layout (it is said what was looked for), rows without a file, or no sound pair.
    """
    folder = folder_at(rest, _WHAT)
    check = choice(options, "check", ("full", "header"))
    names = _names(folder, options.get("classes"))
    table = next((folder / name for name in _TABLES if (folder / name).is_file()), None)
    listed, unpaired = (_from_table(table), {}) if table else _from_names(folder)
    known = tuple(range(len(names))) if names else None
    modalities = _modalities(folder, options.get("modalities"))
    pairs, quarantined = checked(listed, known, check=check, modalities=modalities)
    if not names and check == "full":
        pairs, quarantined = _in_a_row(folder, pairs, quarantined)
    facts: dict[str, object] = {"name": folder.resolve().name, "source": f"nifti:{folder.resolve().name}",
             "may_flip": options.get("may_flip", "") == "yes"}  # fmt: skip
    if modalities is not None:
        facts["modality"] = ", ".join(modalities.chosen)
    classes = names or _numbered(folder, pairs, check)
    return segmentation_cohort(pairs, quarantined | unpaired, classes, facts, modalities)


def _names(folder: Path, asked: str | None) -> tuple[str, ...]:
    if asked:
        return tuple(name.strip() for name in asked.split(","))
    return _table_of(folder / "labels.json", "labels", "background")


def _modalities(folder: Path, asked: str | None) -> Modalities | None:
    table = folder / "modalities.json"
    names = _table_of(table, "modalities", "FLAIR")
    if asked and not names:
        raise CohortError(
            f"the option modalities={asked}, and {folder} names none", expected='modalities.json: {"0": "FLAIR", ...}',
            hint="say there what lies along the fourth axis",
        )  # fmt: skip
    return modalities_named(names, asked) if names else None


def _table_of(table: Path, what: str, first: str) -> tuple[str, ...]:
    """Names by number, from 0 on without gaps; none where there is no such file."""
    if not table.is_file():
        return ()
    try:
        named = {int(number): str(name) for number, name in json.loads(table.read_text(encoding="utf-8-sig")).items()}
    except (ValueError, AttributeError) as error:
        raise CohortError(
            f"{table} does not name {what}: {error}", expected=f'{{"0": "{first}", "1": ...}}', hint="correct it"
        ) from None
    if sorted(named) != list(range(len(named))):
        raise CohortError(
            f"{table} names the {what} {sorted(named)}", expected="0, 1, 2, ... without gaps", hint="number them anew"
        )
    return tuple(named[number] for number in range(len(named)))


def _in_a_row(
    folder: Path, pairs: list[VolumePair], quarantined: dict[str, str]
) -> tuple[list[VolumePair], dict[str, str]]:
    """Leave maps out whose numbers lie beyond a gap."""
    last = last_label([pair.numbers for pair in pairs], str(folder)) if pairs else 1
    strays = {pair.case_id: stray(pair.numbers[-1], last) for pair in pairs if pair.numbers and pair.numbers[-1] > last}
    return [pair for pair in pairs if pair.case_id not in strays], quarantined | strays


def _numbered(folder: Path, pairs: list[VolumePair], check: str) -> tuple[str, ...]:
    if check == "header":
        raise CohortError(
            f"{folder} names no labels, and check=header reads no label map",
            expected="the option classes, or labels.json", hint="such as --option classes=background,tumour",
        )  # fmt: skip
    highest = max((pair.numbers[-1] for pair in pairs), default=1)
    return ("background", *(f"label {number}" for number in range(1, max(2, highest + 1))))


def _from_table(table: Path) -> list[VolumePair]:
    pairs = []
    for number, row in rows_of(table, ("image", "label")):
        where = f"{table} line {number}"
        image, labels = table.parent / row["image"], table.parent / row["label"]
        if not row["image"] or not row["label"]:
            raise CohortError(f"{where} has no {'label' if row['image'] else 'image'}", expected="both paths",
                              hint="fill it, or remove the row")  # fmt: skip
        others = tuple(sorted((name, value) for name, value in row.items() if name not in _OWN_COLUMNS and value))
        pairs.append(
            VolumePair(
                case_id=row["image"], image=image, labels=labels, part=part_named(row.get("split", ""), where),
                patient_id=row.get("patient_id") or None, attributes=others,
            )
        )  # fmt: skip
    return pairs


def _from_names(folder: Path) -> tuple[list[VolumePair], dict[str, str]]:
    """Pairs of one name, and what has no partner with the reason."""
    images, labels = (_volumes(folder / part) for part in ("images", "labels"))
    if not images or not labels:
        raise unknown_layout(folder, _WHAT, _LOOKED_FOR)
    pairs = [
        VolumePair(case_id=name, image=path, labels=labels[name], patient_id=name)
        for name, path in images.items()
        if name in labels
    ]
    alone = {
        f"images/{name}": f"{path} has no label map of its name" for name, path in images.items() if name not in labels
    }
    alone |= {
        f"labels/{name}": f"{path} has no volume of its name" for name, path in labels.items() if name not in images
    }
    return pairs, alone


def _volumes(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    files = sorted(path for path in folder.iterdir() if path.name.lower().endswith(SUFFIXES))
    return {nifti_stem(path): path for path in files if not path.name.startswith(".")}
