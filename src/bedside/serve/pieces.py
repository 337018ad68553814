"""Separate pieces of a mask and their longest diameter, in NumPy: masks are taken as runs of cells along each row."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray

_IN_PLANE = ((0, -1),)
_IN_SPACE = ((0, -1), (-1, -1), (-1, 0), (-1, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Cells of a mask ``(D, H, W)``, as runs along W in the order of their rows.

    Parameters
    ----------
    shape
        ``(D, H, W)`` of the box around the cells.
    row
        ``D * H`` rows, numbered through, ``(r,)``.
    start, end
        First cell and the one after the last, ``(r,)``.
    """

    shape: tuple[int, int, int]
    row: IntArray = field(repr=False)
    start: IntArray = field(repr=False)
    end: IntArray = field(repr=False)


def runs_of(mask: BoolArray) -> Runs:
    """Runs of a mask ``(H, W)`` or ``(D, H, W)``; planes and rows before the first cell are not counted."""
    stack = _box_of(mask if mask.ndim == 3 else mask[None])
    depth, height, width = stack.shape
    edges = np.diff(stack.reshape(-1, width).astype(np.int8), axis=1, prepend=0, append=0)
    row, start = np.nonzero(edges == 1)
    _, end = np.nonzero(edges == -1)
    return Runs(shape=(depth, height, width), row=row, start=start, end=end)


def _box_of(stack: BoolArray) -> BoolArray:
    """Planes and rows from the first to the last that has a cell: most of a body is no lesion."""
    for axis in (0, 1):
        filled = np.flatnonzero(stack.any(axis=(1 - axis, 2)))
        if not len(filled):
            return stack[:0]
        inside = slice(filled[0], filled[-1] + 1)
        stack = stack[inside] if axis == 0 else stack[:, inside]
    return stack


def pieces(runs: Runs, *, in_plane: bool = False) -> IntArray:
    """Piece that each run is part of, ``(r,)``, numbered from 0; cells that touch at a corner are one piece.

    With `in_plane` cells of different planes (first axis) never touch.
    """
    first, second = _touching(runs, _IN_PLANE if in_plane else _IN_SPACE)
    root = np.arange(len(runs.row))
    while True:  # hook the higher root of each tie under the lower one, then shorten: few turns, however winding
        ones, others = root[first], root[second]
        if not (ones != others).any():
            return np.unique(root, return_inverse=True)[1]
        np.minimum.at(root, np.maximum(ones, others), np.minimum(ones, others))
        while ((shorter := root[root]) != root).any():
            root = shorter


def _touching(runs: Runs, offsets: tuple[tuple[int, int], ...]) -> tuple[IntArray, IntArray]:
    """Pairs of runs that touch, in the rows at each offset ``(planes, rows)``."""
    _, height, width = runs.shape
    wide = width + 2  # so that no run of one row seems to touch the next
    starts, ends = runs.row * wide + runs.start, runs.row * wide + runs.end
    ones, others = [], []
    for planes, rows in offsets:
        inside = np.flatnonzero((runs.row % height + rows >= 0) & (runs.row % height + rows < height))
        target = (runs.row[inside] + planes * height + rows) * wide
        low = np.searchsorted(ends, target + runs.start[inside], "left")
        n = np.maximum(0, np.searchsorted(starts, target + runs.end[inside], "right") - low)
        ones.append(np.repeat(inside, n))
        others.append(np.repeat(low, n) + np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n))
    return np.concatenate(ones), np.concatenate(others)


def longest_diameter(runs: Runs, spacing: tuple[float, float] = (1.0, 1.0)) -> float:
    """Longest distance between two points on the edge of one piece in one plane (Feret's); 0 of an empty mask.

    The edge runs through the middles of the sides of the outermost cells, so that one cell is one cell long.

    Parameters
    ----------
    spacing
        Of rows and of cells in a row; the result has its unit.
    """
    piece, row = pieces(runs, in_plane=True), runs.row % runs.shape[1]
    order = np.argsort(piece, kind="stable")
    bounds = np.flatnonzero(np.diff(piece[order], prepend=-1, append=-1))
    members = [order[low:high] for low, high in pairwise(bounds.tolist())]
    boxes = [_diagonal(row[held], runs.start[held], runs.end[held], spacing) for held in members]
    longest = 0.0
    for box, held in sorted(zip(boxes, members, strict=True), key=lambda pair: -pair[0]):
        if box <= longest:
            break  # no smaller box can hold a longer line
        longest = max(longest, _feret(_edge_points(row[held], runs.start[held], runs.end[held]) * np.array(spacing)))
    return longest


def _diagonal(row: IntArray, start: IntArray, end: IntArray, spacing: tuple[float, float]) -> float:
    height, width = row.max() - row.min() + 1, end.max() - start.min()
    return float(np.hypot(height * spacing[0], width * spacing[1]))


def _edge_points(row: IntArray, start: IntArray, end: IntArray) -> FloatArray:
    """Middles of the sides of the first and the last cell of each run, ``(6 r, 2)``; none else can be outermost."""
    last = end - 1
    ends = [(row, start - 0.5), (row, last + 0.5)]
    sides = [(row + up, column) for up in (-0.5, 0.5) for column in (start, last)]
    return np.concatenate([np.stack(pair, axis=1) for pair in (*ends, *sides)]).astype(np.float64)


def _feret(points: FloatArray) -> float:
    hull = np.array(_hull(points))
    return float(np.sqrt(((hull[:, None] - hull[None]) ** 2).sum(axis=2).max()))


def _hull(points: FloatArray) -> list[tuple[float, float]]:
    """Corners of the convex hull (Andrew's monotone chain, Inf Process Lett 1979)."""
    ordered = [(float(y), float(x)) for y, x in np.unique(points, axis=0)]
    corners: list[tuple[float, float]] = []
    for way in (ordered, ordered[::-1]):
        side: list[tuple[float, float]] = []
        for point in way:
            while len(side) > 1 and _turn(side[-2], side[-1], point) <= 0:
                side.pop()
            side.append(point)
        corners += side
    return corners


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
