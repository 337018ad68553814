"""A volume comes to the size of the model's input, and what the model says about it goes back to the file's grid."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import ImageError, ShapeError
from bedside.data.modalities import Modalities
from bedside.data.window import AnyWindow, PercentileWindow

Shape3 = tuple[int, int, int]

VOLUME_WINDOW = PercentileWindow(low_percent=0.5, high_percent=99.5)
"""Black and white of a volume whose unit means nothing (MR): scanners differ by orders of magnitude."""

_MAX_SIDE_VOXELS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """How a volume's own grid and a model's grid lie to each other, both in the canonical order D, H, W.

    Parameters
    ----------
    own
        Shape of the volume, ``(D, H, W)``.
    resampled
        Its shape in voxels of the model's size; `own` where nothing is resampled.
    model
        Shape of the model's input; None where the volume keeps the size that it has after resampling.
    """

    own: Shape3
    resampled: Shape3
    model: Shape3 | None = None

    def uncut(self) -> "Placing":
        """The same, for a volume that keeps the size that it has after resampling."""
        return replace(self, model=None)

    def image(self, voxels: ByteArray) -> ByteArray:
        """Bring grey voxels ``(D, H, W)`` to the model's voxel size: linear, with antialiasing; not yet cut."""
        if _checked(voxels, self.own).shape == self.resampled:
            return voxels
        return np.round(resampled(voxels, self.resampled)).clip(0, 255).astype(np.uint8)

    def cut(self, voxels: np.ndarray, fill: int = 0) -> np.ndarray:
        """Crop or pad ``(..., D, H, W)`` of the resampled size about the centre to the model's."""
        return voxels if self.model is None else _fitted(voxels, self.model, fill)

    def labels(self, labels: ByteArray) -> ByteArray:
        """Bring a label map ``(D, H, W)`` of the volume's own grid to the model's: nearest voxel."""
        return self.cut(_nearest(_checked(labels, self.own), self.resampled))

    def restored(self, probabilities: FloatArray) -> FloatArray:
        """Bring probabilities ``(K, D, H, W)`` of the model's grid (or of the resampled one) back to the own grid.

        They are interpolated linearly, so that outlines stay smooth. Where the model saw nothing, the first class, the
        background, has the value 1.
        """
        model = self.resampled if probabilities.shape[1:] == self.resampled else self.model or self.resampled
        probabilities = _checked(probabilities, (len(probabilities), *model))
        whole = _fitted(probabilities, self.resampled, 0)
        if model != self.resampled:
            whole[0] += 1 - _fitted(np.ones(model, np.float32), self.resampled, 0)
        return np.stack([resampled(plane, self.own) for plane in whole])


def placing_of(
    own: Shape3,
    spacing_mm: tuple[float, ...] | None,
    *,
    target_mm: float | tuple[float, ...] | None = None,
    model: Shape3 | None = None,
) -> Placing:
    """Work out how a volume comes to voxels of `target_mm` (None: it keeps its own) and to the shape `model`.

    `target_mm` is the side of a cube, or one size along each of D, H and W.

    Raises
    ------
    ImageError
        If the volume's own spacing is not known, or resampling would give a side of more than 4096 voxels.
    """
    sides: Shape3 = own
    if target_mm is not None:
        if spacing_mm is None:
            raise ImageError(
                "a volume without a spacing, and the model's input is resampled to one",
                expected="NIfTI, DICOM, or an array with a preprocessing without spacing_mm", hint="give it a header",
            )  # fmt: skip
        targets = target_mm if isinstance(target_mm, tuple) else (target_mm,) * 3
        sizes = zip(own, spacing_mm, targets, strict=True)
        depth, height, width = (max(1, round(n * mm / target)) for n, mm, target in sizes)
        sides = (depth, height, width)
    if max(sides) > _MAX_SIDE_VOXELS:
        raise ImageError(
            f"voxels of {spacing_mm} mm resampled to {target_mm} mm give {sides}",
            expected=f"at most {_MAX_SIDE_VOXELS} a side", hint="check the header's spacing",
        )  # fmt: skip
    return Placing(own=own, resampled=sides, model=model)


def read_grey(
    path: Path, window: AnyWindow | None = None, *, channel: int | None = None
) -> tuple[ByteArray, tuple[float, float, float]]:
    """Read a volume in canonical order as ``(D, H, W)`` uint8 on its own grid, and its spacing in mm.

    Black and white are those of `window`; without one, two percentiles of the volume itself (`VOLUME_WINDOW`). Of a
    file of several modalities `channel` says which one; without it, such a file is refused.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    from bedside.data.volume_reading import read_volume

    volume = read_volume(path, channel=channel)
    return (window or VOLUME_WINDOW)(volume.values), volume.spacing_mm


def read_greys(
    path: Path, modalities: Modalities, window: AnyWindow | None = None
) -> tuple[ByteArray, tuple[float, float, float]]:
    """Read the modalities that a model takes, in canonical order, on their own grid, and the spacing in mm.

    Black and white are found in each modality on its own, as `read_grey` finds them.

    Returns
    -------
    tuple
        ``(C, D, H, W)`` uint8, or ``(D, H, W)`` where one is taken; and the spacing along D, H and W.

    Raises
    ------
    ImageError
        If it cannot be read, or holds another number of modalities.
    """
    from bedside.data.volume_reading import read_modalities

    volumes = read_modalities(path, modalities)
    voxels = np.stack([(window or VOLUME_WINDOW)(volume.values) for volume in volumes])
    return voxels if len(volumes) > 1 else voxels[0], volumes[0].spacing_mm


def three_views(voxels: np.ndarray) -> np.ndarray:
    """The three middle planes of ``(D, H, W)`` side by side, ``(H', W')``: the look of a volume, or of its heat map."""
    depth, height, width = voxels.shape
    planes = (voxels[depth // 2, ::-1], voxels[::-1, height // 2], voxels[::-1, :, width // 2])
    tallest = max(plane.shape[0] for plane in planes)
    return np.concatenate([_stretched(plane, tallest) for plane in planes], axis=1)


def looks(volumes: ByteArray) -> ByteArray:
    """Volumes of one size as pictures of their three middle planes, ``(n, C, D, H, W)`` to ``(n, C, H', W')``."""
    return np.stack([np.stack([three_views(channel) for channel in volume]) for volume in volumes])


def _stretched(plane: np.ndarray, height_px: int) -> np.ndarray:
    return np.pad(plane, [(0, height_px - plane.shape[0]), (0, 0)])


def resampled(values: np.ndarray, shape: Shape3) -> FloatArray:
    """Linear resampling of ``(D, H, W)``, axis by axis, with the triangle widened where it shrinks; float32."""
    out = np.asarray(values, np.float32)
    for axis, n in enumerate(shape):
        if out.shape[axis] != n:
            weights = _weights(out.shape[axis], n)
            out = np.moveaxis(np.tensordot(weights, out, (1, axis)), 0, axis)
    return np.ascontiguousarray(out, np.float32)


def _weights(n_in: int, n_out: int) -> FloatArray:
    """Weight of each input voxel in each output voxel, ``(n_out, n_in)``; rows sum to 1."""
    step = n_in / n_out
    support = max(1.0, step)
    centres = (np.arange(n_out) + 0.5) * step - 0.5
    weights = np.clip(1 - np.abs(np.arange(n_in)[None] - centres[:, None]) / support, 0, None)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _nearest(values: np.ndarray, shape: Shape3) -> np.ndarray:
    rows = (
        np.minimum(((np.arange(n) + 0.5) * m / n).astype(int), m - 1) for m, n in zip(values.shape, shape, strict=True)
    )
    return values[np.ix_(*rows)]


def _fitted(values: np.ndarray, shape: Shape3, fill: float) -> np.ndarray:
    if values.shape[-3:] == shape:
        return values
    canvas = np.full((*values.shape[:-3], *shape), fill, values.dtype)
    pairs = [_overlap(n, m) for n, m in zip(values.shape[-3:], shape, strict=True)]
    canvas[(..., *(there for _, there in pairs))] = values[(..., *(here for here, _ in pairs))]
    return canvas


def _overlap(n_source: int, n_target: int) -> tuple[slice, slice]:
    """Slices about the centre; the same pair, turned round, leads back, for either may be the larger."""
    n = min(n_source, n_target)
    a, b = (n_source - n) // 2, (n_target - n) // 2
    return slice(a, a + n), slice(b, b + n)


def _checked(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if values.shape != shape:
        raise ShapeError(f"an array of shape {values.shape}", expected=f"{shape}", hint="give it the volume's own grid")
    return values
