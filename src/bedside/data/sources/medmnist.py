"""MedMNIST v2, 28 px: official files, checked against the official MD5 (Yang et al., Sci Data 10:41, 2023)."""

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import CohortError, InputError, StorageError
from bedside.base.files import write_atomic
from bedside.base.task import Task
from bedside.data.case import Case, Cohort, Part
from bedside.data.sources.places import cache_folder

OFFICIAL = "https://zenodo.org/records/10519652/files/{name}.npz?download=1"
_PARTS: dict[str, Part] = {"train": "development", "val": "tuning", "test": "test"}
_MAX_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class MedmnistSet:
    """One official set: its MD5, classes, the class that is looked for, and how it was made."""

    md5: str
    classes: tuple[str, ...]
    positive: int
    modality: str
    may_flip: bool = False


_ORGANS = ("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left",
           "lung-right", "pancreas", "spleen")  # fmt: skip

SETS = {
    "pneumoniamnist": MedmnistSet("28209eda62fecd6e6a2d98b1501bb15f", ("normal", "pneumonia"), 1, "X-ray"),
    "breastmnist": MedmnistSet(
        "750601b1f35ba3300ea97c75c52ff8f6", ("malignant", "normal or benign"), 0, "ultrasound", may_flip=True
    ),
    "bloodmnist": MedmnistSet(
        "7053d0359d879ad8a5505303e11de1dc",
        ("basophil", "eosinophil", "erythroblast", "immature granulocyte", "lymphocyte", "monocyte", "neutrophil",
         "platelet"),
        3, "microscopy", may_flip=True,
    ),
    "dermamnist": MedmnistSet(
        "0744692d530f8e62ec473284d019b0c7",
        ("actinic keratosis", "basal cell carcinoma", "benign keratosis", "dermatofibroma", "melanoma",
         "melanocytic nevus", "vascular lesion"),
        4, "dermoscopy", may_flip=True,
    ),
    "octmnist": MedmnistSet(
        "c68d92d5b585d8d81f7112f81e2d0842",
        ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"), 0, "OCT", may_flip=True,
    ),
    "pathmnist": MedmnistSet(
        "a8b06965200029087d5bd730944a56c1",
        ("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa",
         "cancer-associated stroma", "colorectal adenocarcinoma epithelium"),
        8, "histology", may_flip=True,
    ),
    "tissuemnist": MedmnistSet(
        "ebe78ee8b05294063de985d821c1c34b",
        ("collecting duct", "distal convoluted tubule", "glomerular endothelium", "interstitial endothelium",
         "leukocyte", "podocyte", "proximal tubule", "thick ascending limb"),
        4, "microscopy", may_flip=True,
    ),
    "organamnist": MedmnistSet("866b832ed4eeba67bfb9edee1d5544e6", _ORGANS, 6, "CT"),
    "organcmnist": MedmnistSet("0afa5834fb105f7705a7d93372119a21", _ORGANS, 6, "CT"),
    "organsmnist": MedmnistSet("e5c39f1af030238290b9557d9503af9d", _ORGANS, 6, "CT"),
}  # fmt: skip


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``medmnist:NAME`` from the data folder, the cache, or the official address.

    Raises
    ------
    InputError
        If the set is unknown, cannot be downloaded, or its file does not have the official MD5.
    """
    if rest not in SETS:
        raise InputError(
            f"no MedMNIST set called {rest!r}", expected="one of " + ", ".join(sorted(SETS)), hint="name one of these"
        )
    known = SETS[rest]
    path = find_or_fetch(rest, known.md5)
    task = Task(classes=known.classes, positive=_positive(known, options.get("positive")))
    return read_npz(path, name=rest, task=task, source=f"medmnist:{rest}", known=known)


def _positive(known: MedmnistSet, asked: str | None) -> int:
    if asked is None:
        return known.positive
    if asked not in known.classes:
        raise InputError(
            f"no class called {asked!r}", expected="one of " + ", ".join(known.classes), hint="see --positive"
        )
    return known.classes.index(asked)


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
    with _open_npz(path) as archive:
        for key, part in _PARTS.items():
            images, labels = _part_arrays(archive, key, path)
            cases += [
                Case(case_id=f"{key}/{i:05d}", label=int(label), part=part, pixels=image)
                for i, (image, label) in enumerate(zip(images, labels, strict=True))
            ]
    return Cohort(
        name=name,
        task=task,
        cases=tuple(cases),
        source=source,
        licence="CC BY-NC 4.0" if name == "dermamnist" else "CC BY 4.0",
        modality=known.modality if known else "unknown",
        may_flip=known.may_flip if known else False,
    )


def _open_npz(path: Path) -> np.lib.npyio.NpzFile:
    try:
        archive = np.load(path, allow_pickle=False)
    except Exception as error:  # numpy and zipfile raise whatever the damage breaks
        raise _malformed(f"{path} is not a readable npz: {error}", "a complete npz without Python objects") from None
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise _malformed(f"{path} holds one bare array", "an npz with train, val and test arrays")
    return archive


def _malformed(message: str, expected: str) -> CohortError:
    return CohortError(message, expected=expected, hint="make the file again as MedMNIST v2 does, or download it again")


def _part_arrays(archive: np.lib.npyio.NpzFile, key: str, path: Path) -> tuple[ByteArray, np.ndarray]:
    images, labels = (_array(archive, f"{key}_{what}", path) for what in ("images", "labels"))
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3) or not images.size:
        raise _malformed(f"{path}: {key}_images is {images.shape}", "(n, H, W) or (n, H, W, 3), not empty")
    if images.dtype != np.uint8:
        images = _as_bytes(images, f"{key}_images", path)
    if labels.shape not in ((len(images),), (len(images), 1)) or not np.issubdtype(labels.dtype, np.integer):
        raise _malformed(f"{path}: {key}_labels is {labels.shape} {labels.dtype}", f"({len(images)}, 1) integers")
    return images, labels.reshape(len(images))


def _array(archive: np.lib.npyio.NpzFile, key: str, path: Path) -> np.ndarray:
    if key not in archive:
        raise _malformed(f"{path} has no array {key!r}", "train_, val_ and test_ images and labels")
    try:
        return archive[key]
    except Exception as error:
        raise _malformed(f"{path}: {key} cannot be read ({error})", "plain arrays, no Python objects") from None


def _as_bytes(images: np.ndarray, key: str, path: Path) -> ByteArray:
    if not np.issubdtype(images.dtype, np.integer) and not np.issubdtype(images.dtype, np.floating):
        raise _malformed(f"{path}: {key} is of type {images.dtype}", "uint8")
    if not np.isfinite(images).all():
        raise _malformed(f"{path}: {key} holds NaN or infinity", "finite pixels")
    if images.min() < 0 or images.max() > 255:
        raise _malformed(f"{path}: {key} lies in [{images.min()}, {images.max()}]", "0 to 255")
    return np.round(images).astype(np.uint8)
