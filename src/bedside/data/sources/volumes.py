"""What the sources of labelled volumes share: pairs are checked one by one, and a bad one does not stop the rest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bedside.base.errors import CohortError, ImageError
from bedside.base.task import Task
from bedside.data.case import Case, Part
from bedside.data.cohort import Cohort
from bedside.data.label_maps import check_pair, read_label_map
from bedside.data.modalities import Modalities
from bedside.data.volume_reading import read_modalities, read_volume


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumePair:
    """A volume and its label map, as a source lists them; nothing is read yet."""

    case_id: str
    image: Path
    labels: Path
    part: Part | None = None
    patient_id: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    numbers: tuple[int, ...] = ()
    """Label numbers that its map holds, once it has been read."""


def checked(
    pairs: Iterable[VolumePair], known: tuple[int, ...] | None, *, check: str, modalities: Modalities | None = None
) -> tuple[list[VolumePair], dict[str, str]]:
    """Sort pairs into sound ones, with the label numbers that they hold, and quarantined ones with their reason.

    Parameters
    ----------
    known
        Label numbers that may occur; None lets every whole number pass.
    check
        ``full`` reads both files of each pair; ``header`` compares their headers only, and can meet no label numbers.
    modalities
        What each volume must hold along its fourth axis; None where it has three axes.
    """
    sound: list[VolumePair] = []
    quarantined: dict[str, str] = {}
    for pair in pairs:
        try:
            check_pair(pair.image, pair.labels, modalities)
            if check == "full":
                image = read_volume(pair.image) if modalities is None else read_modalities(pair.image, modalities)[0]
                labels = read_label_map(pair.labels, like=image, known=known)
                pair = replace(pair, numbers=tuple(np.flatnonzero(np.bincount(labels.ravel())).tolist()))
        except ImageError as error:
            quarantined[pair.case_id] = error.message
            continue
        sound.append(pair)
    return sound, quarantined


def _marks(pair: VolumePair, n_classes: int) -> tuple[int, ...]:
    return tuple(int(k in pair.numbers) for k in range(n_classes)) if pair.numbers else ()


def segmentation_cohort(
    pairs: list[VolumePair],
    quarantined: Mapping[str, str],
    classes: tuple[str, ...],
    facts: Mapping[str, object],
    modalities: Modalities | None = None,
) -> Cohort:
    """Make the cohort of a segmentation of volumes; `classes` begins with the background.

    A volume of several modalities is shown by the first that is taken.

    Raises
    ------
    CohortError
        If every pair was quarantined.
    """
    if not pairs:
        first = next(iter(quarantined.items()), ("it", "lists no pairs"))
        raise CohortError(
            f"no volume of {facts['source']} can be used; first: {first[0]}: {first[1]}",
            expected="volumes with label maps on their own grid", hint="repair the files that are named",
        )  # fmt: skip
    shown = None if modalities is None else modalities.taken[0]
    cases = tuple(
        Case(
            frame=shown, case_id=pair.case_id, label=0, path=pair.image, mask_path=pair.labels, part=pair.part,
            patient_id=pair.patient_id, attributes=pair.attributes, marks=_marks(pair, len(classes)),
        )
        for pair in pairs
    )  # fmt: skip
    task = Task(classes=classes, positive=min(1, len(classes) - 1), kind="segmentation")
    sorted_out = dict(sorted(quarantined.items()))
    return Cohort(task=task, cases=cases, quarantined=sorted_out, modalities=modalities, **facts)  # type: ignore[arg-type]
