"""Does the acceptance gate see volumes that are unlike those of the model? It looks at their three middle planes."""

from collections.abc import Sequence

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.data.corrupting_volumes import corrupt_volumes, slice_axis_of
from bedside.data.preprocess import Preprocess
from bedside.data.volume_placing import looks, resampled
from bedside.verify.gate import AcceptanceGate
from bedside.verify.outliers import GateEvidence, as_pictures, evidence_of_scores, gate_evidence


def made_volume_outliers(volumes: ByteArray, *, seed: int = 0, slice_axis: int = 0) -> dict[str, ByteArray]:
    """Outliers from suitable volumes ``(n, C, D, H, W)`` uint8: one of each kind a volume, in their order."""
    rng = np.random.default_rng(seed)
    shape = volumes.shape
    levels = rng.integers(0, 256, (shape[0], 1, 1, 1, 1)).astype(np.uint8)
    return {
        "feet first": volumes[:, :, ::-1],
        "back to front": volumes[:, :, :, ::-1],
        "axes in another order": _other_axes(volumes),
        "slices in another order": np.take(volumes, rng.permutation(shape[2 + slice_axis]), axis=2 + slice_axis),
        "negative": 255 - volumes,
        "heavy blur": corrupt_volumes(volumes, "blur", 5, seed=seed),
        "a third of the slices missing": corrupt_volumes(
            volumes, "missing slices", 5, seed=seed, slice_axis=slice_axis
        ),
        "constant": np.broadcast_to(levels, shape),
        "noise": rng.integers(0, 256, shape).astype(np.uint8),
    }


def _other_axes(volumes: ByteArray) -> ByteArray:
    """W, D, H where D, H, W should be, stretched to the model's grid."""
    depth, height, width = volumes.shape[2:]
    turned = volumes.transpose(0, 1, 4, 2, 3)
    stretched = [[resampled(channel, (depth, height, width)) for channel in volume] for volume in turned]
    return np.round(np.array(stretched)).clip(0, 255).astype(np.uint8)


def volume_gate_evidence(
    gate: AcceptanceGate, volumes: ByteArray, units: Sequence[str], *, slice_axis: int = 0, seed: int = 0
) -> GateEvidence:
    """Measure a gate on suitable volumes and on outliers made from them.

    Parameters
    ----------
    volumes
        After `Preprocess.geometry`, ``(n, C, D, H, W)`` uint8; neither development nor tuning.
    units
        Unit of independence of each volume.
    slice_axis
        Axis (0 D, 1 H, 2 W) across the slices.
    """
    made = made_volume_outliers(volumes, seed=seed, slice_axis=slice_axis)
    scored = {name: volume_scores(gate, odd) for name, odd in made.items()}
    return evidence_of_scores(gate, volume_scores(gate, volumes), scored, units, seed=seed)


def evidence_at_gate(
    gate: AcceptanceGate, images: ByteArray, units: Sequence[str], preprocess: Preprocess, *, seed: int = 0
) -> GateEvidence:
    """Measure a gate on suitable images or volumes, ``(n, *spec.shape)`` uint8, and on outliers made from them."""
    if preprocess.depth_px is None:
        return gate_evidence(gate, as_pictures(images), units, preprocess, seed=seed)
    slice_axis = slice_axis_of(preprocess.own_spacing_mm)
    return volume_gate_evidence(gate, images, units, slice_axis=slice_axis, seed=seed)


def volume_scores(gate: AcceptanceGate, volumes: ByteArray) -> FloatArray:
    """Score of each volume ``(n, C, D, H, W)``, as the ward scores it."""
    planes = looks(volumes)
    return gate.scores(planes, [picture[0] for picture in planes])[0]
