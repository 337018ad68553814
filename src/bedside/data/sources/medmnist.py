"""MedMNIST, 28 to 224 px: official files, checked against the official MD5 (Yang et al., Sci Data 10:41, 2023)."""

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import InputError, StorageError
from bedside.base.files import write_atomic
from bedside.base.task import Task
from bedside.data.case import Case, Part
from bedside.data.cohort import Cohort
from bedside.data.sources.known import KnownSource
from bedside.data.sources.medmnist_set import MedmnistSet
from bedside.data.sources.medmnist_sets import SETS
from bedside.data.sources.medmnist_tasks import question
from bedside.data.sources.medmnist_volumes import VOLUME_SETS
from bedside.data.sources.npz_arrays import array_of, as_bytes, malformed, open_npz
from bedside.data.sources.places import cache_folder

OFFICIAL = "https://zenodo.org/records/10519652/files/{name}.npz?download=1"
_PARTS: dict[str, Part] = {"train": "development", "val": "tuning", "test": "test"}
_MAX_BYTES = 2_000_000_000


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``medmnist:NAME`` from the data folder, the cache, or the official address.

    Options ``positive`` and ``task``: see `bedside.data.sources.medmnist_tasks.question`.

    Raises
    ------
    InputError
        If the set is unknown, cannot be downloaded, or its file does not have the official MD5.
    """
    base, _, side = rest.partition("_")
    every = SETS | VOLUME_SETS
    if base not in every or (side and side not in map(str, every[base].larger)):
        raise InputError(
            f"no MedMNIST set called {rest!r}",
            expected="one of " + ", ".join(sorted(every)) + "; with _64, _128 or _224 for larger ones (3-D: _64)",
            hint="name one of these",
        )
    known = every[base]
    path = find_or_fetch(rest, known.larger[int(side)] if side else known.md5)
    return read_npz(path, name=rest, task=question(known, options), source=f"medmnist:{rest}", known=known)


def find_or_fetch(name: str, md5: str) -> Path:
    """Return the path of the checked official file; download it into the cache where it is not at hand."""
    for folder in data_folders():
        path = folder / f"{name}.npz"
        if path.is_file():
            _check_md5(path.read_bytes(), md5, str(path))
            return path
    cached = cache_folder() / "medmnist" / f"{name}.npz"
    if cached.is_file():
        _check_md5(cached.read_bytes(), md5, str(cached))
        return cached
    data = _download(OFFICIAL.format(name=name))
    _check_md5(data, md5, "the download")
    write_atomic(cached, data)
    return cached


def data_folders() -> list[Path]:
    """List the folders where the official files may lie: ``$BEDSIDE_DATA`` and ``../shared/data``."""
    roots = [Path(os.environ["BEDSIDE_DATA"])] if os.environ.get("BEDSIDE_DATA") else []
    roots.append(Path("..") / "shared" / "data")
    return [folder for root in roots for folder in (root, root / "medmnist_28")]


def known_sources() -> list[KnownSource]:
    """Every set, and the sizes of it that are on this machine."""
    found = []
    for name, known in (SETS | VOLUME_SETS).items():
        what = f"{known.modality}, {known.task}, {len(known.classes)} classes, {known.licence}"
        found.append(KnownSource(name=f"medmnist:{name}", what=what, state=_sizes_here(name)))
    return found


def _sizes_here(name: str) -> str:
    places = [*data_folders(), cache_folder() / "medmnist"]
    sides = {28: name, **{side: f"{name}_{side}" for side in (SETS | VOLUME_SETS)[name].larger}}
    here = [side for side, file in sides.items() if any((place / f"{file}.npz").is_file() for place in places)]
    return f"here ({', '.join(f'{side} px' for side in here)})" if here else "to be downloaded"


def _download(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            data = answer.read(_MAX_BYTES + 1)
    except (urllib.error.URLError, OSError) as error:
        raise InputError(
            f"{address} could not be downloaded: {error}",
            expected="a network, or the official npz in $BEDSIDE_DATA",
            hint="download it elsewhere and set BEDSIDE_DATA to its folder",
        ) from None
    if len(data) > _MAX_BYTES:
        raise StorageError(f"{address} answered with more than {_MAX_BYTES} bytes")
    return data


def _check_md5(data: bytes, md5: str, where: str) -> None:
    got = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if got != md5:
        raise InputError(
            f"{where} has the MD5 {got}", expected=f"the official {md5}", hint="delete the file and download it again"
        )


def read_npz(path: Path, *, name: str, task: Task, source: str, known: MedmnistSet | None = None) -> Cohort:
    """Read the six arrays of a MedMNIST-style npz.

    Raises
    ------
    CohortError
        For a missing key, an object array, NaN, or shapes that do not go together.
    """
    cases: list[Case] = []
    with open_npz(path) as archive:
        for key, part in _PARTS.items():
            n_columns = len(known.classes) if known and known.task == "multi-label" else 1
            is_volume = name.partition("_")[0] in VOLUME_SETS
            images, labels = _part_arrays(archive, key, path, n_columns, volumes=is_volume)
            cases += [
                Case(case_id=f"{key}/{i:05d}", part=part, pixels=image, **_said(task, label, known))
                for i, (image, label) in enumerate(zip(images, labels, strict=True))
            ]
    return Cohort(
        name=name,
        task=task,
        cases=tuple(cases),
        source=source,
        licence=known.licence if known else "unknown",
        modality=known.modality if known else "unknown",
        may_flip=known.may_flip if known else False,
    )


def _said(task: Task, row: np.ndarray, known: MedmnistSet | None) -> dict[str, Any]:
    """Fields of the case that a row of labels fills."""
    if task.kind == "multilabel":
        return {"label": 0, "marks": tuple(int(mark) for mark in row)}
    column = known.classes.index(task.positive_name) if known and len(row) > 1 else 0
    return {"label": int(row[column])}


def _part_arrays(
    archive: np.lib.npyio.NpzFile, key: str, path: Path, n_columns: int, *, volumes: bool = False
) -> tuple[ByteArray, np.ndarray]:
    """Images or volumes of one part, and its labels, ``(n, n_columns)``."""
    images, labels = (array_of(archive, f"{key}_{what}", path) for what in ("images", "labels"))
    is_fit = images.ndim == 4 and images.shape[3] != 3 if volumes else images.ndim == 3 or images.shape[3:] == (3,)
    if not is_fit or not images.size:
        shapes = "(n, D, H, W)" if volumes else "(n, H, W) or (n, H, W, 3)"
        raise malformed(f"{path}: {key}_images is {images.shape}", f"{shapes}, not empty")
    if images.dtype != np.uint8:
        images = as_bytes(images, f"{key}_images", path)
    shapes = [(len(images), n_columns), *([(len(images),)] if n_columns == 1 else [])]
    if labels.shape not in shapes or not np.issubdtype(labels.dtype, np.integer):
        raise malformed(f"{path}: {key}_labels is {labels.shape} {labels.dtype}", f"{shapes[0]} integers")
    return images, labels.reshape(shapes[0])
