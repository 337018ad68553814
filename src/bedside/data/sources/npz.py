"""``npz:FILE``: images and labels as NumPy arrays in one file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import InputError
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.sources.findings import graded
from bedside.data.sources.folder import positive_class
from bedside.data.sources.npz_arrays import array_of, as_bytes, malformed, open_npz
from bedside.data.sources.tables import part_named

_NAMES = ("classes", "class_names")
_TIES = ("split", "patient_id", "group")


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``npz:FILE`` with the arrays ``images`` and ``labels``.

    ``images`` is ``(n, H, W)`` or ``(n, H, W, 3)`` with values of 0 to 255; ``labels`` is ``(n,)``: class names, or
    numbers whose names stand in an array ``classes`` (or ``class_names``) or in the option ``classes``. ``split``
    (train, val, test), ``patient_id`` and ``group`` may say of each image what the columns of a ``metadata.csv`` say.
    Option ``ordinal=none,mild,severe`` names the classes and gives them an order, least first.

    Raises
    ------
    InputError, CohortError
        For a missing file, other arrays, shapes that do not go together, object arrays, NaN, or unnamed labels.
    """
    path = Path(rest).expanduser()
    if not path.is_file():
        raise InputError(f"there is no file {path}", expected="an npz of images and labels", hint="check the path")
    with open_npz(path) as archive:
        arrays = {key: array_of(archive, key, path) for key in _asked(archive, path)}
    images, labels = _images(arrays["images"], path), _column(arrays, "labels", path)
    names, numbers = _classes(labels, _named(arrays, options), path)
    ties = {key: [str(value) for value in _column(arrays, key, path)] for key in _TIES if key in arrays}
    cases = tuple(_case(i, image, int(numbers[i]), ties, path) for i, image in enumerate(images))
    return Cohort(
        name=path.stem,
        task=graded(names, positive_class(names, options.get("positive")), options),
        cases=cases,
        source=f"npz:{path.name}",
        may_flip=options.get("may_flip", "") == "yes",
    )


def _asked(archive: np.lib.npyio.NpzFile, path: Path) -> list[str]:
    if "images" not in archive or "labels" not in archive:
        hint = "medmnist:NAME reads those of MedMNIST" if "train_images" in archive else "rename them"
        raise malformed(f"{path} has the arrays {', '.join(archive.files) or '(none)'}", "images and labels", hint=hint)
    return [key for key in ("images", "labels", *_NAMES, *_TIES) if key in archive]


def _images(images: np.ndarray, path: Path) -> ByteArray:
    if not images.size or not (images.ndim == 3 or images.shape[3:] == (3,)):
        raise malformed(f"{path}: images is {images.shape}", "(n, H, W) or (n, H, W, 3), not empty")
    return images if images.dtype == np.uint8 else as_bytes(images, "images", path)


def _column(arrays: Mapping[str, np.ndarray], key: str, path: Path) -> np.ndarray:
    """One value an image."""
    found, n = arrays[key], len(arrays["images"])
    if found.shape not in ((n,), (n, 1)) or found.dtype.kind not in "uibU":
        raise malformed(f"{path}: {key} is {found.shape} {found.dtype}", f"({n},), integers or text")
    return found.reshape(n)


def _named(arrays: Mapping[str, np.ndarray], options: Mapping[str, str]) -> tuple[str, ...]:
    asked = tuple(w.strip() for w in options.get("classes", options.get("ordinal", "")).split(",") if w.strip())
    return asked or tuple(str(name) for key in _NAMES for name in arrays.get(key, np.empty(0, "U1")).ravel())


def _classes(labels: np.ndarray, names: tuple[str, ...], path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the classes and the number of each image's; labels that are text name themselves."""
    if labels.dtype.kind == "U":
        held = sorted({str(label) for label in labels})
        names = names or tuple(held)
        if strange := [label for label in held if label not in names]:
            raise malformed(f"{path}: a label is {strange[0]!r}", "one of " + ", ".join(names))
        return names, np.array([names.index(str(label)) for label in labels])
    numbers = labels.astype(np.int64)
    names = names or tuple(str(number) for number in range(int(numbers.max()) + 1))
    if numbers.min() < 0 or numbers.max() >= len(names):
        raise malformed(
            f"{path}: labels lie in [{numbers.min()}, {numbers.max()}]",
            f"0 to {len(names) - 1}, for {len(names)} names",
        )
    return names, numbers


def _case(number: int, image: ByteArray, label: int, ties: Mapping[str, list[str]], path: Path) -> Case:
    said = {key: values[number] or None for key, values in ties.items()}
    return Case(
        case_id=f"{number:06d}", label=label, pixels=image,
        part=part_named(said.pop("split", None) or "", f"{path.name}, image {number}"), **said,  # type: ignore[arg-type]
    )  # fmt: skip
