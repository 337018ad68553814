"""Augmentation of volumes and their label maps: `sample` throws the dice, the value it returns changes the voxels."""

from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray, IntArray
from bedside.base.jsonform import OMIT_DEFAULT
from bedside.data.usual_spacing import is_thick

_PER_VOLUME = ("affine", "gain", "offset", "gamma", "noise_std")
Shape3 = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class VolumeDraw:
    """Decisions for n volumes, already made.

    Parameters
    ----------
    shape
        ``(D, H, W)`` of the result: a crop where it is smaller than the volumes.
    affine
        ``(n, 3, 4)``: result voxel (d, h, w), from its centre, to volume voxel, from its centre.
    gain, offset, gamma
        ``(n,)``: brightness changes on the 0-1 scale.
    noise_std
        ``(n,)``: standard deviation of additive noise on the 0-1 scale.
    noise_seed
        Seed of the noise field.
    """

    shape: Shape3
    affine: FloatArray
    gain: FloatArray
    offset: FloatArray
    gamma: FloatArray
    noise_std: FloatArray
    noise_seed: int

    def __call__(self, volumes: ByteArray) -> ByteArray:
        """Change ``(n, C, D, H, W)`` uint8 volumes: trilinear, black outside, then tone and noise."""
        rng = np.random.default_rng(self.noise_seed)
        out = np.empty((*volumes.shape[:2], *self.shape), np.uint8)
        for i, volume in enumerate(volumes):
            place = _places(self.affine[i], volume.shape[1:], self.shape)
            unit = np.stack([_trilinear(channel, place) for channel in volume])
            unit *= np.float32(1 / 255)
            np.power(unit, np.float32(self.gamma[i]), out=unit)
            unit = unit * np.float32(self.gain[i]) + np.float32(self.offset[i])
            if self.noise_std[i]:
                unit += rng.standard_normal(unit.shape, np.float32) * np.float32(self.noise_std[i])
            out[i] = np.round(np.clip(unit, 0, 1) * 255).reshape(out.shape[1:])
        return out

    def on_masks(self, masks: ByteArray) -> ByteArray:
        """Move label maps ``(n, D, H, W)`` as their volumes are moved: nearest voxel, 0 outside."""
        out = np.zeros((len(masks), *self.shape), masks.dtype)
        for i, volume in enumerate(masks):
            nearest = np.round(_places(self.affine[i], volume.shape, self.shape)).astype(np.int32)
            sides = np.array(volume.shape, np.int32)[:, None]
            inside = ((nearest >= 0) & (nearest < sides)).all(0)
            d, h, w = np.clip(nearest, 0, sides - 1)
            out[i] = np.where(inside, volume[d, h, w], 0).reshape(self.shape)
        return out

    def pick(self, rows: IntArray) -> "VolumeDraw":
        """Keep the decisions for some of the volumes; `rows` is ``(m,)``."""
        kept = {name: getattr(self, name)[rows] for name in _PER_VOLUME}
        return VolumeDraw(**kept, shape=self.shape, noise_seed=self.noise_seed + int(rows[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentVolumes:
    """The distribution over changes; angles in degrees, everything else a fraction of the volume or of its range.

    Parameters
    ----------
    rotate_deg
        Largest turn about each of the three axes.
    flip_axes
        Axes (0 D, 1 H, 2 W) along which the mirror image is the same anatomy; each is flipped in half of the volumes.
        None is safe: a left hippocampus, mirrored, is a right one.
    crop
        ``(D, H, W)`` of the result, cut at a random place; None keeps the size.
    voxel_mm
        Size of a voxel along D, H and W; None for cubes. A turn is one of the patient, in mm, not one of the array.
        Thick slices are turned in their own plane only, for a turn out of it would read between them (Isensee et al.,
        Nat. Methods 18:203, 2021).
    """

    rotate_deg: float = 10.0
    shift_frac: float = 0.05
    scale_frac: float = 0.1
    flip_axes: tuple[int, ...] = ()
    gain_frac: float = 0.15
    offset_frac: float = 0.05
    gamma_frac: float = 0.3
    noise_frac: float = 0.04
    crop: Shape3 | None = None
    voxel_mm: tuple[float, float, float] | None = field(default=None, metadata=OMIT_DEFAULT)

    def sample(self, rng: np.random.Generator, n: int, shape: Shape3) -> VolumeDraw:
        """Decide for `n` volumes of one shape ``(D, H, W)``; `rng` is the caller's, never the global one."""
        result = self.crop or shape
        spare = np.maximum(np.array(shape) - np.array(result), 0) / 2
        reach = spare + self.shift_frac * np.array(result)
        linear = self._linear(rng, n)
        shift = rng.uniform(-1, 1, (n, 3)) * reach
        return VolumeDraw(
            shape=result,
            affine=np.concatenate([linear, shift[:, :, None]], axis=2).astype(np.float32),
            gain=1 + rng.uniform(-self.gain_frac, self.gain_frac, n),
            offset=rng.uniform(-self.offset_frac, self.offset_frac, n),
            gamma=np.exp(rng.uniform(-self.gamma_frac, self.gamma_frac, n)),
            noise_std=rng.uniform(0, self.noise_frac, n),
            noise_seed=int(rng.integers(2**32)),
        )

    def _linear(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Turns about D, H and W, one scale a volume, mirrors; ``(n, 3, 3)``."""
        angles = np.deg2rad(rng.uniform(-self.rotate_deg, self.rotate_deg, (n, 3)))
        if self.voxel_mm is not None and is_thick(self.voxel_mm):
            angles[:, np.arange(3) != np.argmax(self.voxel_mm)] = 0
        scale = np.exp(rng.uniform(-self.scale_frac, self.scale_frac, n))
        linear = np.broadcast_to(np.eye(3), (n, 3, 3)) * scale[:, None, None]
        for axis, (a, b) in enumerate(((1, 2), (0, 2), (0, 1))):
            turn = np.broadcast_to(np.eye(3), (n, 3, 3)).copy()
            cos, sin = np.cos(angles[:, axis]), np.sin(angles[:, axis])
            turn[:, a, a], turn[:, a, b], turn[:, b, a], turn[:, b, b] = cos, -sin, sin, cos
            linear = linear @ turn
        if self.voxel_mm is not None:
            linear = linear * np.array(self.voxel_mm) / np.array(self.voxel_mm)[:, None]
        mirror = np.ones((n, 3))
        for axis in self.flip_axes:
            mirror[:, axis] = np.where(rng.random(n) < 0.5, -1.0, 1.0)
        return linear * mirror[:, None, :]


def _places(affine: FloatArray, source: Shape3, result: Shape3) -> FloatArray:
    """Where each voxel of the result comes from: ``(3, D*H*W)`` float32, in voxels of the source."""
    axes = [np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2) for n in result]
    d, h, w = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    rows = []
    for row, n in zip(affine, source, strict=True):
        rows.append((row[0] * d + row[1] * h + row[2] * w + np.float32(row[3] + (n - 1) / 2)).ravel())
    return np.stack(rows)


def _trilinear(volume: ByteArray, place: FloatArray) -> FloatArray:
    """Values ``(m,)`` float32 of a ``(D, H, W)`` uint8 volume at ``(3, m)`` places; black outside."""
    sides = np.array(volume.shape, np.int32)[:, None]
    padded = np.zeros(tuple(n + 2 for n in volume.shape), np.float32)
    padded[1:-1, 1:-1, 1:-1] = volume
    place = np.clip(place, -1, sides.astype(np.float32))
    corner = np.minimum(np.floor(place), sides.astype(np.float32) - 1)
    fd, fh, fw = place - corner
    step_h = volume.shape[2] + 2
    step_d = (volume.shape[1] + 2) * step_h
    d, h, w = corner.astype(np.int32) + 1
    start = d * step_d + h * step_h + w
    flat = padded.ravel()

    def along_w(offset: int) -> FloatArray:
        low = flat[start + offset]
        return low + fw * (flat[start + offset + 1] - low)

    def along_h(offset: int) -> FloatArray:
        low = along_w(offset)
        return low + fh * (along_w(offset + step_h) - low)

    low = along_h(0)
    return low + fd * (along_h(step_d) - low)
