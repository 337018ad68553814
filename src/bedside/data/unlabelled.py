"""Images that nobody labelled: every picture below a folder."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import CohortError, ImageError, InputError
from bedside.data.case import Case
from bedside.data.preprocess import Preprocess
from bedside.data.reading import IMAGE_SUFFIXES
from bedside.data.stacking import looked_at, suit_cases


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """Images ``(n, C, H, W)`` uint8, how they were placed, and the files that could not be read, with the reason."""

    images: ByteArray = field(repr=False)
    preprocess: Preprocess
    quarantined: dict[str, str]


def read_unlabelled(
    folder: Path, *, image_px: int, tick: Callable[[int, int], None] = lambda done, total: None
) -> Unlabelled:
    """Read every image below `folder`; hidden files, and those without a suffix, are passed over.

    Raises
    ------
    InputError
        If there is no such folder.
    CohortError
        If none of its files is an image.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder", expected="a folder of images, or a source such as medmnist:NAME",
            hint="check the path",
        )  # fmt: skip
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix and p.suffix.lower() in IMAGE_SUFFIXES)
    cases = [
        Case(case_id=path.relative_to(folder).as_posix(), label=0, path=path)
        for path in paths
        if not path.name.startswith(".")
    ]
    quarantined: dict[str, str] = {}
    shown = [case for case in looked_at(cases) if _seen(case, Case.image, quarantined) is not None]
    if not shown:
        raise CohortError(
            f"{folder} holds no image that can be read", expected="PNG, JPEG, TIFF or DICOM files",
            hint=next(iter(quarantined.values()), "check the folder"),
        )  # fmt: skip
    preprocess = suit_cases(shown, image_px=image_px)
    images: list[ByteArray] = []
    for i, case in enumerate(cases):
        placed = _seen(case, lambda readable: readable.placed(preprocess), quarantined)
        images += [] if placed is None else [placed]
        tick(i + 1, len(cases))
    return Unlabelled(images=np.stack(images), preprocess=preprocess, quarantined=quarantined)


def _seen(case: Case, look: Callable[[Case], ByteArray], quarantined: dict[str, str]) -> ByteArray | None:
    try:
        return look(case)
    except ImageError as error:
        quarantined[case.case_id] = error.message
        return None
