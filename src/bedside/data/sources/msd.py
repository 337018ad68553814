"""``msd:DIR``: a task of the Medical Segmentation Decathlon (Antonelli et al., Nat. Commun. 13:4128, 2022)."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bedside.base.errors import CohortError
from bedside.data.cohort import Cohort
from bedside.data.modalities import modalities_named
from bedside.data.nifti import nifti_stem
from bedside.data.sources.tables import choice, folder_at, unknown_layout
from bedside.data.sources.volumes import VolumePair, checked, segmentation_cohort

_WHAT = "a task of the Medical Segmentation Decathlon (MICCAI)"
_LOOKED_FOR = 'dataset.json with "training": [{"image": ..., "label": ...}], "labels": {"0": ..., "1": ...}, "modality"'


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``msd:DIR`` with the ``dataset.json`` that the challenge documents.

    ``training`` lists pairs of image and label map, relative to DIR; ``labels`` names the numbers, 0 is the background;
    ``modality`` names what lies along the fourth axis of the volumes, ``{"0": "FLAIR", "1": "T1w", ...}``, or the one
    kind of volumes of three axes. Volumes under ``test`` have no labels and are passed over. Option ``modalities``
    picks some, such as ``FLAIR,T1w``, in the order of the model's channels; all are taken without it. Option ``check``
    is ``full`` (the default: every file is read) or ``header``. A pair that cannot be used is quarantined with its
    reason, so also a volume of another number of modalities.

    Raises
    ------
    InputError, CohortError
        For a missing folder, another layout (it is said what was looked for), an unknown modality, label numbers or
        modalities with gaps, or no sound pair.
    """
    folder = folder_at(rest, _WHAT)
    check = choice(options, "check", ("full", "header"))
    described = _described(folder)
    classes = _classes(folder, described["labels"])
    modalities = modalities_named(_modality(folder, described["modality"]), options.get("modalities"))
    several = modalities if len(modalities.names) > 1 else None
    listed = [_pair(folder, row, number) for number, row in enumerate(described["training"])]
    pairs, quarantined = checked(listed, tuple(range(len(classes))), check=check, modalities=several)
    facts = {
        "name": str(described.get("name") or folder.resolve().name),
        "source": f"msd:{folder.resolve().name}",
        "licence": str(described.get("licence") or described.get("license") or "unknown"),
        "modality": ", ".join(modalities.chosen),
    }
    return segmentation_cohort(pairs, quarantined, classes, facts, several)


def _described(folder: Path) -> dict[str, Any]:
    table = folder / "dataset.json"
    if not table.is_file():
        raise unknown_layout(folder, _WHAT, _LOOKED_FOR + "; it has no dataset.json")
    try:
        described = json.loads(table.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CohortError(
            f"{table} is not JSON: {error}", expected="the challenge's dataset.json", hint="copy it again"
        ) from None
    if not isinstance(described, dict):
        raise unknown_layout(folder, _WHAT, _LOOKED_FOR)
    if lacking := [key for key in ("training", "labels", "modality") if key not in described]:
        raise unknown_layout(folder, _WHAT, f"{_LOOKED_FOR}; dataset.json lacks {', '.join(lacking)}")
    if not isinstance(described["training"], list) or not described["training"]:
        raise unknown_layout(folder, _WHAT, f'{_LOOKED_FOR}; "training" is no list of pairs')
    return described


def _classes(folder: Path, labels: Any) -> tuple[str, ...]:
    """Names in the order of their numbers."""
    if not isinstance(labels, dict) or not all(str(number).isdecimal() for number in labels):
        raise unknown_layout(folder, _WHAT, f'{_LOOKED_FOR}; the keys of "labels" are not numbers')
    named = {int(number): str(name) for number, name in labels.items()}
    if sorted(named) != list(range(len(named))) or len(named) < 2:
        raise CohortError(
            f"{folder / 'dataset.json'} names the labels {sorted(named)}",
            expected="0 (the background), 1, 2, ... without gaps, two or more",
            hint="number them anew, in dataset.json and in the label maps",
        )
    return tuple(named[number] for number in range(len(named)))


def _modality(folder: Path, modality: Any) -> tuple[str, ...]:
    """Names in the order of the fourth axis."""
    if not isinstance(modality, dict) or not modality or not all(str(number).isdecimal() for number in modality):
        raise unknown_layout(folder, _WHAT, f'{_LOOKED_FOR}; the keys of "modality" are not numbers')
    named = {int(number): str(name) for number, name in modality.items()}
    if sorted(named) != list(range(len(named))):
        raise CohortError(
            f"{folder / 'dataset.json'} numbers the modalities {sorted(named)}", expected="0, 1, 2, ... without gaps",
            hint="number them as they lie along the fourth axis",
        )  # fmt: skip
    return tuple(named[number] for number in range(len(named)))


def _pair(folder: Path, row: Any, number: int) -> VolumePair:
    if not isinstance(row, dict) or not {"image", "label"} <= row.keys():
        raise unknown_layout(folder, _WHAT, f'{_LOOKED_FOR}; entry {number} of "training" is {row!r:.80}')
    image, labels = folder / str(row["image"]), folder / str(row["label"])
    for path in (image, labels):
        # By the words of the file: a folder of links to a read-only archive is as good as a folder of files.
        if not Path(os.path.normpath(path)).is_relative_to(os.path.normpath(folder)):
            raise CohortError(
                f"{folder / 'dataset.json'} names {path}, outside its folder",
                expected="paths below it",
                hint="correct it",
            )
    name = nifti_stem(image)
    return VolumePair(case_id=name, image=image, labels=labels, patient_id=name)
