"""Masks leave as PNG or NIfTI files beside nothing that was there before: each is whole or absent."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bedside.base.errors import InputError
from bedside.base.files import storage_errors, write_atomic
from bedside.data.nifti import nifti_stem, write_label_map
from bedside.data.volume_reading import read_volume
from bedside.serve.prediction import Prediction


def mask_path(file: str | Path, folder: Path, *, volumes: bool = False) -> Path:
    """Where the mask of an image goes: its name, with the ending ``.png``; that of a volume ends in ``.nii.gz``."""
    if volumes:
        return folder / f"{nifti_stem(Path(file))}.nii.gz"
    return folder / f"{Path(file).stem}.png"


def prepare_masks(files: Sequence[Path], folder: Path, *, volumes: bool = False) -> None:
    """Make the folder, before anything is predicted.

    Raises
    ------
    InputError
        If two images would share a mask, or a mask would take the place of its image.
    """
    seen: dict[Path, Path] = {}
    for file in files:
        place = mask_path(file, folder, volumes=volumes)
        if other := seen.get(place):
            raise InputError(
                f"{other} and {file} would share the mask {place.name}",
                expected="image names that differ in more than their folder", hint="predict them one folder at a time",
            )  # fmt: skip
        if place.resolve() == file.resolve():
            raise InputError(f"the mask of {file} would take its place", expected="another folder",
                             hint="name one for --masks")  # fmt: skip
        seen[place] = file
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def write_mask(found: Prediction, folder: Path) -> Path | None:
    """Write the mask of a prediction: 0 and 255 with one kind of tissue, label numbers with more; None if it has none.

    The mask of a volume is a label map on the grid of its own file: see `bedside.data.nifti.write_label_map`.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    if found.mask is None:
        return None
    if found.mask.ndim == 3:
        path, source = mask_path(found.file, folder, volumes=True), Path(found.file)
        write_label_map(path, found.mask, read_volume(source, channel=0), source)
        return path
    from io import BytesIO

    from PIL import Image

    pixels = found.mask * np.uint8(255) if len(found.classes) == 2 else found.mask
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    path = mask_path(found.file, folder)
    write_atomic(path, buffer.getvalue())
    return path
