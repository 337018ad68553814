"""Where slices lie: sorted along their normal, with gaps and duplicates (PS3.3 C.7.6.2.1.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import ImageError
from bedside.data.volume import LPS_TO_RAS

_COSINE_TOLERANCE = 1e-3
_STEP_TOLERANCE = 0.02
"""A step that differs from the median by more than this share of it is a gap (or an overlap)."""

_SAME_PLACE_MM = 1e-3
_TILT_TOLERANCE = 1e-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Place of one slice: the file (and frame) it is in, and its plane, in DICOM's LPS mm."""

    name: str
    frame: int
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, ...]

    @property
    def normal(self) -> FloatArray:
        """Unit vector across the slice."""
        return np.cross(self.orientation[:3], self.orientation[3:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Slices along the normal: row numbers in order, positions in mm, gaps and groups at one place."""

    rows: tuple[int, ...]
    along_mm: tuple[float, ...]
    gaps_mm: tuple[tuple[float, float], ...]
    together: tuple[tuple[int, ...], ...]


def check_planes(slices: Sequence[Slice], source: str) -> None:
    """Refuse slices that are not parallel, or whose pixels differ in size.

    Raises
    ------
    ImageError
        Naming the two files.
    """
    first = slices[0]
    for other in slices[1:]:
        turned = np.abs(np.subtract(other.orientation, first.orientation)).max() > _COSINE_TOLERANCE
        if turned or not np.allclose(other.spacing_mm, first.spacing_mm, rtol=1e-3):
            raise ImageError(
                f"{source}: {first.name} and {other.name} differ in "
                + ("Image Orientation (0020,0037)" if turned else "Pixel Spacing (0028,0030)"),
                expected="parallel slices of one pixel size; this is a mixed series",
                hint="separate the localizer or the second stack from the series",
            )
    normal = first.normal
    if not 0.99 < float(np.linalg.norm(normal)) < 1.01:
        raise ImageError(
            f"{first.name}: Image Orientation (0020,0037) is {first.orientation}",
            expected="two unit vectors at a right angle",
            hint="repair the header at its source",
        )


def ordered(slices: Sequence[Slice]) -> Order:
    """Sort slices by where they lie along their normal, whatever their names and numbers."""
    along = np.array([np.dot(s.position, slices[0].normal) for s in slices])
    rows = np.argsort(along, kind="stable")
    groups: list[list[int]] = []
    for row in rows.tolist():
        if groups and along[row] - along[groups[-1][0]] <= _SAME_PLACE_MM:
            groups[-1].append(row)
        else:
            groups.append([row])
    kept = [group[0] for group in groups]
    places = along[kept]
    steps = np.diff(places)
    usual = float(np.median(steps)) if len(steps) else 0.0
    off = np.abs(steps - usual) > _STEP_TOLERANCE * usual
    gaps = tuple((float(places[i]), float(steps[i])) for i in np.flatnonzero(off))
    return Order(
        rows=tuple(kept),
        along_mm=tuple(places.tolist()),
        gaps_mm=gaps,
        together=tuple(tuple(group) for group in groups if len(group) > 1),
    )


def affine_of(slices: Sequence[Slice], order: Order, thickness_mm: float) -> tuple[FloatArray, tuple[str, ...]]:
    """Map (slice, row, column, 1) to RAS+ mm, and what is odd about it.

    The step between slices is the median one, so that a gap does not stretch the rest; one slice takes its thickness.
    """
    first = slices[order.rows[0]]
    down, right = np.array(first.orientation[3:]), np.array(first.orientation[:3])
    step, notes = first.normal * thickness_mm, ()
    if len(order.rows) > 1:
        between = np.subtract(slices[order.rows[-1]].position, first.position)
        direction = between / (order.along_mm[-1] - order.along_mm[0])
        step = direction * float(np.median(np.diff(order.along_mm)))
        if np.linalg.norm(direction - first.normal) > _TILT_TOLERANCE:
            notes = ("the slices are sheared against their normal (a tilted gantry)",)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 3] = step, first.position
    affine[:3, 1], affine[:3, 2] = down * first.spacing_mm[0], right * first.spacing_mm[1]
    return LPS_TO_RAS @ affine, notes
