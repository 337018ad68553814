"""Choose the grid of a model of volumes from a look at the headers of some of them."""

from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.nifti import is_nifti, read_grid
from bedside.data.preprocess import Preprocess
from bedside.data.volume import canonical
from bedside.data.volume_reading import read_volume

SIDE_MULTIPLE = 8
"""Sides are multiples of this: the networks halve them three times."""

MAX_VOXELS = 72**3
"""Largest grid that is proposed; larger volumes are seen in larger voxels."""

_COVERED_PERCENT = 95
_N_LOOKED_AT = 64


def suit_volumes(cohort: Cohort, *, max_voxels: int = MAX_VOXELS, **asked: Any) -> Preprocess:
    """Choose the spacing and the grid.

    The spacing is the one whose cubes hold as much as the median voxel, and the grid holds 19 of 20 volumes whole;
    where that is more than `max_voxels`, the cubes grow (as the low resolution of Isensee et al., Nat. Methods 2021).
    A `spacing_mm` that is asked for is kept; then volumes beyond the grid are cropped for training, and at the bedside
    read tile by tile. Arrays without a header keep their voxels.
    """
    step = max(1, len(cohort.cases) // _N_LOOKED_AT)
    looks = [_look(case) for case in cohort.cases[::step]]
    shapes = np.array([shape for shape, _ in looks], float)
    if any(spacing is None for _, spacing in looks):
        depth, height, width = _rounded(np.percentile(shapes, _COVERED_PERCENT, axis=0))
        return Preprocess(n_channels=1, depth_px=depth, height_px=height, width_px=width, **asked)
    sizes_mm = shapes * np.array([spacing for _, spacing in looks])
    target_mm = asked.pop("spacing_mm", None)
    if target_mm is None:
        median = np.median([spacing for _, spacing in looks if spacing is not None], axis=0)
        target_mm = _affordable(sizes_mm, float(np.prod(median) ** (1 / 3)), max_voxels)
    depth, height, width = _limited(_sides(sizes_mm, target_mm), max_voxels)
    return Preprocess(n_channels=1, depth_px=depth, height_px=height, width_px=width, spacing_mm=target_mm, **asked)


def _look(case: Case) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """Shape and spacing in canonical order; of NIfTI from the header alone."""
    if case.pixels is not None or case.path is None:
        return (case.pixels.shape, None) if case.pixels is not None else ((1, 1, 1), None)
    if is_nifti(case.path):
        shape, affine = read_grid(case.path)
        moved, placed = canonical(np.broadcast_to(np.uint8(0), shape), affine)
        return moved.shape, tuple(np.linalg.norm(placed[:3, :3], axis=0).tolist())
    volume = read_volume(case.path)
    return volume.values.shape, volume.spacing_mm


def _affordable(sizes_mm: FloatArray, target_mm: float, max_voxels: int) -> float:
    while np.prod(_sides(sizes_mm, target_mm)) > max_voxels:
        target_mm *= 1.05
    return float(f"{target_mm:.4g}")


def _sides(sizes_mm: FloatArray, target_mm: float) -> tuple[int, int, int]:
    return _rounded(np.percentile(np.round(sizes_mm / target_mm), _COVERED_PERCENT, axis=0))


def _limited(sides: tuple[int, int, int], max_voxels: int) -> tuple[int, int, int]:
    """Cut the longest side until the grid is small enough."""
    cut = list(sides)
    while np.prod(cut) > max_voxels and max(cut) > SIDE_MULTIPLE:
        cut[cut.index(max(cut))] -= SIDE_MULTIPLE
    return cut[0], cut[1], cut[2]


def _rounded(sides: FloatArray) -> tuple[int, int, int]:
    depth, height, width = (max(1, int(np.ceil(side / SIDE_MULTIPLE))) * SIDE_MULTIPLE for side in sides)
    return depth, height, width
