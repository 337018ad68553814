"""Outlines of volumes at the bedside: tile by tile through the model, then back to the grid of the file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import ImageError, ShapeError
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import Session
from bedside.runtime.skipping import Skipping
from bedside.runtime.tiling import Tiling, run_tiled
from bedside.verify.operating_point import OperatingPoint

LEAST_SLICES = 2


def refuse_slice(path: Path, voxels: ByteArray) -> None:
    """Refuse one slice: a model of volumes would find nothing in it, and that would pass for a finding.

    Raises
    ------
    ImageError
        Naming the file and its size.
    """
    if min(voxels.shape) < LEAST_SLICES:
        raise ImageError(
            f"{path} is one slice, of {' x '.join(map(str, voxels.shape))} voxels",
            expected=f"a volume, of {LEAST_SLICES} slices or more",
            hint="give the folder that holds the whole series",
        )


def run_volume(
    session: Session,
    preprocess: Preprocess,
    raw: ByteArray,
    spacing_mm: tuple[float, ...] | None,
    tick: Callable[[int, int], None] = lambda done, total: None,
    skipping: Skipping | None = None,
) -> FloatArray:
    """Logits ``(1, K, D, H, W)`` of a whole volume in voxels of the model's size, however large it is.

    Parameters
    ----------
    raw, spacing_mm
        From `Preprocess.read`: grey voxels ``(D, H, W)`` on the file's own grid, ``(C, D, H, W)`` of modalities.
    tick
        Called after each tile with the number that is done and the number of all.
    skipping
        Which tiles are not run and answer background; None runs every tile.
    """
    if preprocess.depth_px is None:
        raise ShapeError("a model of images was given a volume", expected="a model of volumes", hint="check the bundle")
    voxels = preprocess.respaced_volume(raw, spacing_mm)
    tiling = Tiling(tile=(preprocess.depth_px, preprocess.height_px, preprocess.width_px))
    return run_tiled(session, voxels, preprocess.normalize, tiling, skipping=skipping, tick=tick)[None]


def volume_mask(
    logits: FloatArray,
    preprocess: Preprocess,
    shape: tuple[int, ...],
    spacing_mm: tuple[float, ...] | None,
    point: OperatingPoint,
) -> ByteArray:
    """Label numbers ``(D, H, W)`` uint8 on the file's own grid, called at the locked operating point."""
    probabilities = point.probabilities(logits)[0]
    native = preprocess.placing(shape[-3:], spacing_mm).restored(probabilities)
    return point.calls(native[None])[0].astype(np.uint8)
