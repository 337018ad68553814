"""What is in a cohort: sizes, spacings, intensities, labels, patients, leaks; one value for people to look at."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import ImageError
from bedside.data.audit import CohortAudit, audit_cohort
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.montage import montage, tile_of
from bedside.data.reading import Picture, read_picture
from bedside.data.units import unit_word, units_of
from bedside.data.volume_placing import read_grey, three_views

N_MONTAGE = 24
_PERCENTS = (0, 1, 25, 50, 75, 99, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a look at every image of a cohort showed.

    Parameters
    ----------
    counts, patients
        Cases by part and class; units of independence by part.
    units
        What is counted as independent: patients, patients or groups, or images where neither is known.
    absent
        Pairs of a part of the source's own and a class that no case of it shows.
    sizes, spacings_mm, modalities
        How many images have each; an unknown spacing is "unknown".
    intensity
        Percentiles of all pixels on the 0-255 scale, by name (p0 is the minimum).
    """

    name: str
    source: str
    licence: str
    classes: tuple[str, ...]
    positive: str
    n_cases: int
    counts: dict[str, dict[str, int]]
    patients: dict[str, int]
    sizes: dict[str, int]
    spacings_mm: dict[str, int]
    modalities: dict[str, int]
    intensity: dict[str, int]
    audit: CohortAudit
    units: str = "patients"
    absent: tuple[tuple[str, str], ...] = ()
    quarantined: dict[str, str] = field(default_factory=dict)


def survey_cohort(
    cohort: Cohort, *, tick: Callable[[int, int], None] = lambda done, total: None
) -> tuple[Survey, ByteArray]:
    """Look at every image of a cohort.

    Returns
    -------
    tuple
        The survey, and a montage of up to 24 images, equally many of each class (or finding), with boxes and
        masks drawn on them, ``(H, W, 3)`` uint8.
    """
    n, twice = len(cohort.cases), 2 * len(cohort.cases)
    sizes, spacings, modalities = Counter(), Counter(), Counter()
    levels = np.zeros(256, np.int64)
    tiles: dict[int, list[ByteArray]] = {k: [] for k in range(cohort.task.n_classes)}
    n_each = max(1, N_MONTAGE // cohort.task.n_classes)
    for done, case in enumerate(cohort.cases, start=1):
        tick(done, twice)
        try:
            picture, size, spacing_mm = _picture(case)
        except ImageError:
            continue  # the audit names it
        sizes[size] += 1
        spacings[_spacing(spacing_mm)] += 1
        modalities[picture.modality or cohort.modality] += 1
        levels += np.bincount(picture.pixels.ravel(), minlength=256)
        held = case.holds(cohort.task)
        shelf = min(held, key=lambda k: len(tiles[k]), default=None)
        if shelf is not None and len(tiles[shelf]) < n_each:
            tiles[shelf].append(tile_of(case, picture.pixels))
    _, audit = audit_cohort(cohort, policy="allow", tick=lambda done, total: tick(n + done, twice))
    survey = Survey(
        name=cohort.name,
        source=cohort.source,
        licence=cohort.licence,
        classes=cohort.task.classes,
        positive=cohort.task.positive_name,
        n_cases=n,
        counts=cohort.counts(),
        patients=_patients(cohort),
        sizes=_ranked(sizes),
        spacings_mm=_ranked(spacings),
        modalities=_ranked(modalities),
        intensity=_percentiles(levels),
        audit=audit,
        quarantined=dict(cohort.quarantined),
        units=unit_word(cohort.cases),
        absent=_absent(cohort),
    )
    return survey, montage([tile for k in sorted(tiles) for tile in tiles[k]])


def _picture(case: Case) -> tuple[Picture, str, tuple[float, ...] | None]:
    """What is shown of a case, its size and its spacing; of a volume the three middle planes and all three sides."""
    if case.is_volume:
        voxels, spacing_mm = (case.pixels, None) if case.path is None else read_grey(case.path, channel=case.frame)
        if voxels is not None:
            return Picture(pixels=three_views(voxels)), " x ".join(map(str, voxels.shape)), spacing_mm
    if case.pixels is not None or case.path is None or case.is_clip:
        picture = Picture(pixels=case.image())
    else:
        picture = read_picture(case.path, frame=case.frame)
    return picture, _size(picture.pixels), picture.spacing_mm


def _size(pixels: ByteArray) -> str:
    return f"{pixels.shape[0]} x {pixels.shape[1]}" + (", colour" if pixels.ndim == 3 else "")


def _spacing(spacing_mm: tuple[float, ...] | None) -> str:
    return "unknown" if spacing_mm is None else " x ".join(f"{mm:.3g}" for mm in spacing_mm)


def _ranked(counter: Counter[str]) -> dict[str, int]:
    return dict(counter.most_common())


def _patients(cohort: Cohort) -> dict[str, int]:
    units: dict[str, set[str]] = {}
    for case, unit in zip(cohort.cases, units_of(cohort.cases), strict=True):
        units.setdefault(case.part or "unassigned", set()).add(unit)
    return {part: len(members) for part, members in units.items()}


def _absent(cohort: Cohort) -> tuple[tuple[str, str], ...]:
    """Classes that a part lacks; an optimization would refuse that split."""
    if cohort.task.kind == "segmentation":
        return ()  # a part where everything is marked lacks the empty mask, and that is well
    rows = ((part, row) for part, row in cohort.counts().items() if part != "unassigned")
    return tuple((part, name) for part, row in rows for name, n in row.items() if not n)


def _percentiles(levels: np.ndarray) -> dict[str, int]:
    below = np.cumsum(levels)
    if not below[-1]:
        return {}
    places = [int(np.searchsorted(below, max(1, np.ceil(below[-1] * percent / 100)))) for percent in _PERCENTS]
    return {f"p{percent}": place for percent, place in zip(_PERCENTS, places, strict=True)}
