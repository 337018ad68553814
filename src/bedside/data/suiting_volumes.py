"""Choose the grid of a model of volumes from a look at the headers of some of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.nifti import canonical_grid, is_nifti
from bedside.data.preprocess import Preprocess, Spacing3
from bedside.data.usual_spacing import check_order, grown_spacing, usual_spacing
from bedside.data.volume_reading import read_volume

SIDE_MULTIPLE = 8
"""Sides are multiples of this: the networks halve them three times."""

MAX_VOXELS = 72**3
"""Largest grid that is proposed; larger volumes are seen in larger voxels."""

_COVERED_PERCENT = 95
_N_LOOKED_AT = 64


def suit_volumes(
    cohort: Cohort, *, max_voxels: int = MAX_VOXELS, development: Sequence[Case] = (), **asked: Any
) -> Preprocess:
    """Choose the spacing and the grid.

    The spacing is that of `usual_spacing`, and the grid holds 19 of 20 volumes whole; where that is more than
    `max_voxels`, the voxels grow as `grown_spacing` says. A `spacing_mm` that is asked for is kept; then volumes beyond
    the grid are cropped for training, and at the bedside read tile by tile. Arrays without a header keep their voxels.

    Parameters
    ----------
    development
        Cases whose headers decide; all of the cohort where none are given.

    Raises
    ------
    InputError
        If three spacings are asked for whose coarsest axis is not that of the files: they are in another order.
    """
    cases = development or cohort.cases
    asked |= {"n_channels": 1 if cohort.modalities is None else len(cohort.modalities.taken)}
    asked |= {"modalities": cohort.modalities}
    looks = [_look(case) for case in cases[:: max(1, len(cases) // _N_LOOKED_AT)]]
    shapes = np.array([shape for shape, _ in looks], float)
    known = [spacing for _, spacing in looks if spacing is not None]
    if len(known) < len(looks):
        depth, height, width = _rounded(np.percentile(shapes, _COVERED_PERCENT, axis=0))
        return Preprocess(depth_px=depth, height_px=height, width_px=width, **asked)
    spacings = np.array(known)
    target = asked.pop("spacing_mm", None)
    if target is None:
        target = _affordable(shapes * spacings, usual_spacing(spacings), max_voxels)
    elif isinstance(target, tuple):
        check_order(target, spacings)
    depth, height, width = _limited(_sides(shapes * spacings, np.array(target)), max_voxels)
    return Preprocess(depth_px=depth, height_px=height, width_px=width, spacing_mm=target, **asked)


def _look(case: Case) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """Shape and spacing in canonical order; of NIfTI from the header alone."""
    if case.pixels is not None or case.path is None:
        return (case.pixels.shape, None) if case.pixels is not None else ((1, 1, 1), None)
    if is_nifti(case.path):
        return canonical_grid(case.path)
    volume = read_volume(case.path)
    return volume.values.shape, volume.spacing_mm


def _affordable(sizes_mm: FloatArray, target: FloatArray, max_voxels: int) -> float | Spacing3:
    """Let voxels grow until the grid is small enough; cubes are told by one number."""
    while np.prod(_sides(sizes_mm, target)) > max_voxels:
        target = grown_spacing(target)
    depth, height, width = (float(f"{mm:.4g}") for mm in target)
    return depth if depth == height == width else (depth, height, width)


def _sides(sizes_mm: FloatArray, target_mm: FloatArray) -> tuple[int, int, int]:
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
