"""Figures of a segmentation, case by case and class by class, and their means with intervals by patient."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import never_certain
from bedside.verify.overlap import LabelMaps, class_tables, dice_of, iou_of, present_in, size_error_of, sizes_of
from bedside.verify.resampling import Weights, percentile
from bedside.verify.surface_distance import surface_fit

TOLERANCE_MM = 1.0
"""Two outlines this close are one, as in the Medical Segmentation Decathlon's finer structures."""

TOLERANCE_PX = 2.0
"""The same where nobody knows how large a pixel is."""

Spacings = Sequence[tuple[float, ...] | None]
"""Size of a pixel of each case along each axis of its map, in mm; None where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFigures:
    """Figures of every case and class but the background, ``(n, K - 1)`` each.

    Parameters
    ----------
    hd95
        In `unit`: mm where the spacing of all cases is known, else pixels.
    size_error
        Signed and relative; NaN where the reference lacks the class.
    true_size, called_size
        Area or volume in `size_unit`.
    present
        Whether the reference has the class.
    """

    dice: FloatArray = field(repr=False)
    iou: FloatArray = field(repr=False)
    hd95: FloatArray = field(repr=False)
    nsd: FloatArray = field(repr=False)
    size_error: FloatArray = field(repr=False)
    true_size: FloatArray = field(repr=False)
    called_size: FloatArray = field(repr=False)
    present: BoolArray = field(repr=False)
    unit: str
    size_unit: str
    tolerance: float


def figures_of(
    truth: LabelMaps, called: LabelMaps, n_classes: int, spacings: Spacings = (), *, tolerance: float | None = None
) -> CaseFigures:
    """Compare label maps ``(n, H, W)`` or ``(n, D, H, W)`` case by case.

    Parameters
    ----------
    spacings
        One a case; empty, or None for any case, makes every distance one of pixels.
    tolerance
        Of the surface score, in the unit that the distances get; `TOLERANCE_MM` or `TOLERANCE_PX` where not given.

    Raises
    ------
    ShapeError
        If the maps differ in shape, or hold a label that is no class.
    """
    tables = class_tables(truth, called, n_classes)
    n_axes = truth.ndim - 1
    sizes_mm = [size for size in spacings if size is not None]
    in_mm = len(sizes_mm) == len(truth)
    grid = sizes_mm if in_mm else [(1.0,) * n_axes] * len(truth)
    limit = (TOLERANCE_MM if in_mm else TOLERANCE_PX) if tolerance is None else tolerance
    fits = [
        [surface_fit(t == k, c == k, size, limit) for k in range(1, n_classes)]
        for t, c, size in zip(truth, called, grid, strict=True)
    ]
    pixel = np.array([math.prod(size) for size in grid])[:, None]
    true_size, called_size = (pixel * count.astype(np.float64) for count in sizes_of(tables))
    return CaseFigures(
        dice=dice_of(tables),
        iou=iou_of(tables),
        hd95=np.array([[fit.hd95 for fit in row] for row in fits]),
        nsd=np.array([[fit.nsd for fit in row] for row in fits]),
        size_error=size_error_of(tables),
        true_size=true_size,
        called_size=called_size,
        present=present_in(tables),
        unit="mm" if in_mm else "px",
        size_unit=("mm²" if n_axes == 2 else "mm³") if in_mm else ("px" if n_axes == 2 else "voxels"),
        tolerance=limit,
    )


def case_mean(values: FloatArray) -> FloatArray:
    """Mean over the classes that have a value, ``(n, K - 1)`` to ``(n,)``; NaN where none has."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.divide(total, known.sum(axis=1), out=np.full(len(values), math.nan), where=known.any(axis=1))


def mean_over_cases(values: FloatArray, weights: Weights, n_units: int, *, is_share: bool = True) -> Estimate:
    """Mean of ``(n,)`` over the cases that have a value, with the percentile interval of draws of whole patients.

    Parameters
    ----------
    weights
        ``(B, n)``, from `bedside.verify.resampling.unit_weights`.
    is_share
        Whether the values lie in 0 to 1.

    Notes
    -----
    Where all draws agree (every case is perfect, say) there is no spread to read an interval from: for shares of 0 to 1
    the bound is then that of as many independent patients, ``0.025 ** (1 / n)``.
    """
    known = ~np.isnan(values)
    if not known.any():
        return percentile(math.nan, np.empty(0), n_units)
    held = np.where(known, values, 0.0)
    share = weights @ known.astype(np.float64)
    drawn = np.divide(weights @ held, share, out=np.full(len(weights), math.nan), where=share > 0)
    found = percentile(float(values[known].mean()), drawn, n_units)
    method = "no spread: exact for as many independent patients"
    return never_certain(found, max(1, n_units), method) if is_share else found


def false_alarms(figures: CaseFigures) -> FloatArray:
    """For cases without any of the classes: 1 where something is called, 0 where not; NaN for all others, ``(n,)``."""
    empty = ~figures.present.any(axis=1)
    return np.where(empty, (figures.called_size.sum(axis=1) > 0).astype(np.float64), math.nan)
