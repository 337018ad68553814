"""Label maps of volumes: read with their image's grid, and refused where they do not belong to it."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import ImageError
from bedside.data.modalities import Modalities
from bedside.data.nifti import is_nifti, read_grid, read_grids
from bedside.data.volume import Volume
from bedside.data.volume_reading import read_volume

_PLACE_TOLERANCE_VOXELS = 0.1
"""How far corners of image and label map may lie apart: headers are float32, and tools round them."""


def read_label_map(path: Path, *, like: Volume | None = None, known: Collection[int] | None = None) -> ByteArray:
    """Read a label map, ``(D, H, W)`` uint8 in canonical order.

    Parameters
    ----------
    like
        The image that it belongs to; shape and affine must be those of the map.
    known
        The label numbers that may occur; 0 is always one of them.

    Raises
    ------
    ImageError
        If it cannot be read, has no whole numbers from 0 to 255, a number that is not known, or another grid.
    """
    found = read_volume(path)
    labels = check_numbers(found.values, path, known)
    if like is not None:
        if found.values.shape != like.values.shape:
            raise ImageError(
                f"{path} has the shape {found.values.shape} and its image {like.source} {like.values.shape} (D, H, W)",
                expected="one grid", hint="resample the label map to its image, nearest voxel",
            )  # fmt: skip
        check_places(path, found.affine, Path(like.source), like.affine, found.values.shape)
    return labels


def check_numbers(values: np.ndarray, path: Path, known: Collection[int] | None = None) -> ByteArray:
    """Return whole numbers 0 to 255 as uint8, each of them in `known`.

    Raises
    ------
    ImageError
        Naming the file and the first numbers that are not.
    """
    numbers = np.unique(values)
    allowed = set(range(256)) if known is None else {0, *known}
    if strange := [f"{number:g}" for number in numbers.tolist() if number not in allowed]:
        listed = ", ".join(map(str, sorted(allowed))) if known is not None else "whole numbers from 0 to 255"
        raise ImageError(
            f"{path} holds the label {', '.join(strange[:5])}",
            expected=listed,
            hint="correct the map, or name the label",
        )
    return values.astype(np.uint8)


def check_pair(image: Path, labels: Path, modalities: Modalities | None = None) -> None:
    """Compare the grids of an image and its label map by their headers alone, and the image's with `modalities`.

    Raises
    ------
    ImageError
        If a header is damaged, an affine singular, or the two differ in shape or place; the file is named.
    """
    if not (is_nifti(image) and is_nifti(labels)):
        return
    shape, n_modalities, affine = read_grids(image, is_single=modalities is None)
    if modalities is not None:
        modalities.check(n_modalities, image)
    other, placed = read_grid(labels)
    if shape != other:
        raise ImageError(
            f"{labels} has the shape {other} and its image {image.name} {shape}",
            expected="one grid", hint="resample the label map to its image, nearest voxel",
        )  # fmt: skip
    check_places(labels, placed, image, affine, shape)


def check_places(path: Path, affine: np.ndarray, image: Path, image_affine: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuse a label map whose corners lie elsewhere than its image's.

    Raises
    ------
    ImageError
        Naming both files and the distance.
    """
    corners = np.array([(i, j, k, 1) for i in (0, shape[0] - 1) for j in (0, shape[1] - 1) for k in (0, shape[2] - 1)])
    apart_mm = float(np.abs(corners @ (affine - image_affine).T).max())
    voxel_mm = float(np.linalg.norm(image_affine[:3, :3], axis=0).min())
    if apart_mm > _PLACE_TOLERANCE_VOXELS * voxel_mm:
        raise ImageError(
            f"{path} and its image {image.name} lie {apart_mm:.3g} mm apart",
            expected="the same affine", hint="copy the image's header to the label map, or resample it",
        )  # fmt: skip
