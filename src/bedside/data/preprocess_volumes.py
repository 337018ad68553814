"""How a preprocessing of volumes brings them to its voxels and its grid."""

from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import ShapeError
from bedside.data.volume_placing import Placing, placing_of

if TYPE_CHECKING:
    from bedside.data.preprocess import Preprocess


def placing_for(asked: "Preprocess", shape: tuple[int, ...], spacing_mm: tuple[float, ...] | None) -> Placing:
    """How a volume of `shape` ``(D, H, W)`` and the model's grid lie to each other; see `Preprocess.placing`."""
    if asked.depth_px is None or len(shape) != 3 or min(shape) < 1:
        raise ShapeError(
            f"an input of shape {shape} for a model of {asked.spec.shape}", expected="a volume (D, H, W), not empty",
            hint="read it with bedside.data.volume_reading.read_volume",
        )  # fmt: skip
    depth, height, width = shape
    model = (asked.depth_px, asked.height_px, asked.width_px)
    return placing_of((depth, height, width), spacing_mm, target_mm=asked.own_spacing_mm, model=model)


def respaced_modalities(asked: "Preprocess", voxels: ByteArray, spacing_mm: tuple[float, ...] | None) -> ByteArray:
    """Bring each modality to the model's voxel size, ``(C, D, H, W)`` uint8; see `Preprocess.respaced_volume`."""
    stack = voxels if voxels.ndim == 4 else voxels[None]
    placing = placing_for(asked, stack.shape[1:], spacing_mm)
    if len(stack) != asked.n_channels:
        raise ShapeError(
            f"a volume of {len(stack)} modalities", expected=f"{asked.n_channels}", hint="read it with `read`"
        )
    return np.stack([placing.image(channel) for channel in stack])
