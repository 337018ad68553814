"""What can be measured of a mask: how much, in how many pieces, and how long the longest is."""

import numpy as np

from bedside.base.arrays import BoolArray, ByteArray
from bedside.serve.pieces import longest_diameter, pieces, runs_of
from bedside.serve.prediction import Outlined


def outlined(mask: ByteArray, classes: tuple[str, ...], spacing_mm: tuple[float, ...] | None) -> tuple[Outlined, ...]:
    """Measure each class of a mask but the background.

    Parameters
    ----------
    mask
        Label numbers, ``(H, W)`` or ``(D, H, W)`` with D along the body.
    spacing_mm
        Size of a cell along each axis; None where the file states none.
    """
    return tuple(_measured(mask == k, name, spacing_mm) for k, name in enumerate(classes) if k)


def _measured(mask: BoolArray, name: str, spacing_mm: tuple[float, ...] | None) -> Outlined:
    is_volume, n_cells = mask.ndim == 3, int(np.count_nonzero(mask))
    if not n_cells:
        size = None if spacing_mm is None else 0.0
        return Outlined(name=name, is_volume=is_volume, n_cells=0, n_findings=0, size=size)
    runs = runs_of(mask)
    size = diameter_mm = None
    if spacing_mm is not None:
        cell = float(np.prod(spacing_mm))
        size = round(n_cells * cell / 1000, 4) if is_volume else round(n_cells * cell, 3)
        diameter_mm = round(longest_diameter(runs, (spacing_mm[-2], spacing_mm[-1])), 2)
    return Outlined(
        name=name,
        is_volume=is_volume,
        n_cells=n_cells,
        n_findings=int(pieces(runs).max()) + 1,
        size=size,
        diameter_px=None if is_volume else round(longest_diameter(runs), 2),
        diameter_mm=diameter_mm,
    )
