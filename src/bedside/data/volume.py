"""A volume: voxels with their size and place in the patient."""

from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import ImageError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM counts to the left and the back, NIfTI to the right and the front."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesReport:
    """What was found while slices became a volume; all of it empty for a sound file.

    Parameters
    ----------
    gaps_mm
        For each place where slices lack: the position along the normal of the slice before, and the step from it.
    duplicates
        Files that repeat another slice to the pixel, and were left out.
    notes
        Anything else worth a line, such as a tilted gantry.
    """

    n_files: int = 1
    gaps_mm: tuple[tuple[float, float], ...] = ()
    duplicates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A volume in canonical order: D runs to the head, H to the front, W to the right of the patient.

    Parameters
    ----------
    values
        ``(D, H, W)`` float32, in measured units (HU for CT).
    spacing_mm
        Along D, H and W.
    affine
        ``(4, 4)`` float64: voxel index (d, h, w, 1) to mm in RAS+ (right, anterior, superior).
    """

    values: FloatArray = field(repr=False)
    spacing_mm: tuple[float, float, float]
    affine: FloatArray = field(repr=False)
    modality: str = ""
    source: str = ""
    report: SeriesReport = SeriesReport()

    @property
    def voxel_ml(self) -> float:
        """Content of one voxel in millilitres; a tilted gantry makes it less than the product of the spacings."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or not self.values.size:
            raise ImageError(
                f"{self.source or 'a volume'} has the shape {self.values.shape}",
                expected="(D, H, W), not empty",
                hint="take one channel or one point in time",
            )
        check_affine(self.affine, self.source)


def check_affine(affine: FloatArray, source: str) -> None:
    """Refuse a map from voxels to mm that is not finite, or that folds the volume flat.

    Raises
    ------
    ImageError
        Naming the file.
    """
    flat = affine.shape != (4, 4) or not np.isfinite(affine).all()
    if not flat:
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
        flat = bool((sizes <= 0).any()) or abs(np.linalg.det(affine[:3, :3] / np.where(sizes > 0, sizes, 1))) < 1e-3
    if flat:
        raise ImageError(
            f"{source or 'a volume'} has a singular affine: {np.round(affine, 4).tolist()}",
            expected="three independent directions of finite length",
            hint="repair the header (sform, qform or Image Orientation) at its source",
        )


def canonical(values: np.ndarray, affine: FloatArray) -> tuple[np.ndarray, FloatArray]:
    """Reorder and flip axes so that they run to S, A and R as nearly as they can; the affine follows.

    Parameters
    ----------
    values
        ``(I, J, K)`` in any order of axes.
    affine
        ``(4, 4)``: index (i, j, k, 1) to mm in RAS+.

    Returns
    -------
    tuple
        ``(D, H, W)`` and its affine; the same voxels at the same places.
    """
    cosines = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    order = _closest_axes(cosines)
    moved = values.transpose(order)
    columns = affine[:, list(order)]
    offset = affine[:, 3].copy()
    for axis, anatomical in enumerate((2, 1, 0)):  # D to S, H to A, W to R
        if columns[anatomical, axis] < 0:
            moved = np.flip(moved, axis)
            offset += columns[:, axis] * (moved.shape[axis] - 1)
            columns[:, axis] = -columns[:, axis]
    return moved, np.column_stack([columns[:, :3], offset])


def uncanonical(values: np.ndarray, affine: FloatArray) -> np.ndarray:
    """Undo `canonical`: ``(D, H, W)`` goes back to the order of axes of the file that `affine` ``(4, 4)`` is of."""
    order = _closest_axes(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    for axis, anatomical in enumerate((2, 1, 0)):
        if affine[anatomical, order[axis]] < 0:
            values = np.flip(values, axis)
    return values.transpose(np.argsort(order))


def _closest_axes(cosines: FloatArray) -> tuple[int, int, int]:
    """Which input axis runs along S, A and R: the assignment with the largest sum of absolute cosines."""
    from itertools import permutations

    strength = np.abs(cosines)
    orders = [(i, j, k) for i, j, k in permutations(range(3))]
    return max(orders, key=lambda p: strength[2, p[0]] + strength[1, p[1]] + strength[0, p[2]])


def made_canonical(
    values: np.ndarray, affine: FloatArray, *, modality: str = "", source: str = "", report: SeriesReport | None = None
) -> Volume:
    """Make a `Volume` of voxels in any order of axes; spacing comes from the affine.

    Raises
    ------
    ImageError
        If the affine is singular or the array has not three axes.
    """
    check_affine(affine, source)
    if values.ndim != 3:
        raise ImageError(
            f"{source} has the shape {values.shape}", expected="three axes", hint="take one channel or point in time"
        )
    moved, placed = canonical(values, affine)
    spacing = np.linalg.norm(placed[:3, :3], axis=0)
    return Volume(
        values=np.ascontiguousarray(moved, np.float32),
        spacing_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        affine=placed,
        modality=modality,
        source=source,
        report=report or SeriesReport(),
    )
