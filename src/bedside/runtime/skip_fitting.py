"""The dark level below which a tile is not run, from the development part."""

from collections.abc import Iterable, Iterator

from bedside.base.arrays import ByteArray
from bedside.base.errors import ShapeError
from bedside.runtime.skipping import SAFETY_FRAC, Skipping, darkest_level
from bedside.runtime.tiling import Tiling, padded


def fit_skipping(
    volumes: Iterable[tuple[ByteArray, ByteArray]],
    tiling: Tiling,
    *,
    n_classes: int,
    safety_frac: float = SAFETY_FRAC,
) -> Skipping:
    """Choose the dark level so that no lesion voxel of the development part lies in a skipped tile.

    Each tile of each volume that holds at least one voxel of a label above 0 has a brightest voxel. The level is below
    `safety_frac` times the least of them; so none of these tiles is skipped, with a factor to spare for volumes that
    are darker than those seen here.

    Parameters
    ----------
    volumes
        Voxels ``(C, D, H, W)`` uint8 as `run_tiled` takes them, and label numbers ``(D, H, W)`` on the same grid; of
        the development part only.
    tiling
        The one that the model runs with.

    Raises
    ------
    CohortError
        If no tile holds a lesion, or one that does is wholly black.
    ShapeError
        If a label map has another size than its volume.
    """
    level = darkest_level(
        (peak for voxels, labels in volumes for peak in _lesion_peaks(voxels, labels, tiling)), safety_frac=safety_frac
    )
    return Skipping(dark_level=level, n_classes=n_classes)


def _lesion_peaks(voxels: ByteArray, labels: ByteArray, tiling: Tiling) -> Iterator[int]:
    if voxels.shape[1:] != labels.shape:
        raise ShapeError(
            f"labels of {labels.shape} for voxels of {voxels.shape}", expected="(D, H, W) for (C, D, H, W)",
            hint="bring both to the model's voxel size",
        )  # fmt: skip
    voxels, labels = padded(voxels, tiling)[0], padded(labels[None], tiling)[0]
    for place in tiling.places(labels.shape[1:]):
        if labels[(slice(None), *place)].any():
            yield int(voxels[(slice(None), *place)].max())
