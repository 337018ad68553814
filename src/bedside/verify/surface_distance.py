"""How far two outlines lie from each other, in mm: HD95 and normalized surface distance, in two or three dimensions.

A surface is the pixels of a mask that touch its outside across a side (four neighbours in a plane, six in space; what
lies beyond the image is outside). Distances run from pixel centre to pixel centre.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.errors import ShapeError

_ROUNDING = 1 + 1e-9
"""A distance that equals the tolerance but for its last digits is within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceFit:
    """Distances of two outlines.

    Parameters
    ----------
    hd95
        The larger of the two directed 95th percentiles (Huttenlocher et al., IEEE PAMI 1993; Metrics Reloaded), in the
        unit of the spacing.
    nsd
        Share of both outlines that lies within the tolerance of the other (Nikolov et al., JMIR 2021), 0 to 1.
    """

    hd95: float
    nsd: float


def surface_of(mask: BoolArray) -> BoolArray:
    """Pixels of ``(H, W)`` or voxels of ``(D, H, W)`` that touch the outside."""
    padded = np.pad(mask, 1)
    inner = mask.copy()
    for axis in range(mask.ndim):
        for start in (0, 2):
            beside = tuple(slice(start, start + n) if i == axis else slice(1, -1) for i, n in enumerate(mask.shape))
            inner &= padded[beside]
    return mask & ~inner


def surface_fit(truth: BoolArray, called: BoolArray, spacing: Sequence[float], tolerance: float) -> SurfaceFit:
    """Compare the outlines of two masks.

    Parameters
    ----------
    truth, called
        ``(H, W)`` or ``(D, H, W)``.
    spacing
        Size of a pixel along each axis; its unit (mm, or 1 for pixels) is that of `tolerance` and of the result.

    Notes
    -----
    Two empty masks fit perfectly; an empty one and another are a whole image diagonal apart.
    """
    _check(truth, called, spacing)
    if not truth.any() or not called.any():
        alike = truth.any() == called.any()
        far = float(np.linalg.norm(np.multiply(truth.shape, spacing)))
        return SurfaceFit(hd95=0.0 if alike else far, nsd=float(alike))
    to_truth, to_called = surface_distances(truth, called, spacing)
    near = sum(int((distances <= tolerance * _ROUNDING).sum()) for distances in (to_truth, to_called))
    return SurfaceFit(
        hd95=float(max(np.percentile(to_truth, 95), np.percentile(to_called, 95))),
        nsd=near / (len(to_truth) + len(to_called)),
    )


def surface_distances(truth: BoolArray, called: BoolArray, spacing: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Distance from each surface pixel of `called` to the nearest one of `truth`, and the other way round."""
    box = _box(truth | called)
    own, other = surface_of(truth[box]), surface_of(called[box])
    return _to_nearest(other, own, spacing), _to_nearest(own, other, spacing)


def _box(mask: BoolArray) -> tuple[slice, ...]:
    lit = [np.flatnonzero(mask.any(axis=tuple(i for i in range(mask.ndim) if i != axis))) for axis in range(mask.ndim)]
    return tuple(slice(int(at[0]), int(at[-1]) + 1) for at in lit)


def _to_nearest(points: BoolArray, seeds: BoolArray, spacing: Sequence[float]) -> FloatArray:
    """Distance from every point to its nearest seed: exact, one axis after the other (Felzenszwalb, 2012).

    The last axis is worked out for the points only.
    """
    squared = np.square(_along_first(seeds) * spacing[0])
    for axis in range(1, seeds.ndim - 1):
        squared = _lowest(squared, axis, spacing[axis])
    at = np.argwhere(points)
    lines = squared[tuple(at[:, :-1].T)]
    places = np.arange(seeds.shape[-1]) * spacing[-1]
    lines += np.square(places[None] - at[:, -1:] * spacing[-1])
    return np.sqrt(lines.min(axis=1))


def _along_first(seeds: BoolArray) -> FloatArray:
    """Steps to the nearest seed along the first axis; infinite on a line without one."""
    n = len(seeds)
    rows = np.arange(n, dtype=np.float64).reshape(-1, *[1] * (seeds.ndim - 1))
    before = np.maximum.accumulate(np.where(seeds, rows, -np.inf), axis=0)
    after = np.minimum.accumulate(np.where(seeds, rows, np.inf)[::-1], axis=0)[::-1]
    return np.minimum(rows - before, after - rows)


def _lowest(squared: FloatArray, axis: int, step: float) -> FloatArray:
    """Least sum of a squared distance so far and the squared way along `axis`."""
    moved = np.moveaxis(squared, axis, 0)
    lowest = np.full(moved.shape, np.inf)
    places = (np.arange(len(moved)) * step).reshape(-1, *[1] * (moved.ndim - 1))
    for i, line in enumerate(moved):
        np.minimum(lowest, line[None] + np.square(places - i * step), out=lowest)
    return np.moveaxis(lowest, 0, axis)


def _check(truth: BoolArray, called: BoolArray, spacing: Sequence[float]) -> None:
    if truth.shape != called.shape or truth.ndim not in (2, 3) or not truth.size:
        raise ShapeError(
            f"masks of {truth.shape} and {called.shape}", expected="two equal (H, W) or (D, H, W)",
            hint="bring both to one grid",
        )  # fmt: skip
    if len(spacing) != truth.ndim or not all(0 < size < float("inf") for size in spacing):
        raise ShapeError(
            f"a spacing of {tuple(spacing)} for masks of {truth.ndim} axes", expected="one size above 0 an axis",
            hint="give it in the order of the axes",
        )  # fmt: skip
