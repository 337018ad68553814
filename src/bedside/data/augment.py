"""Augmentation for training: the dice are thrown in `sample`, the images are changed by the value it returns."""

from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray, IntArray
from bedside.base.jsonform import OMIT_DEFAULT
from bedside.data.distort import Distort, DistortDraw
from bedside.data.mask_moves import warped_masks

_PER_IMAGE = ("affine", "gain", "offset", "gamma", "noise_std", "erase")


@dataclass(frozen=True, slots=True)
class AugmentDraw:
    """Decisions for a batch of n images, already made.

    Parameters
    ----------
    affine
        ``(n, 2, 3)``: output pixel (y, x), from the image centre, to input pixel.
    gain, offset, gamma
        ``(n,)``: brightness changes on the 0-1 scale.
    noise_std
        ``(n,)``: standard deviation of additive noise on the 0-1 scale.
    erase
        ``(n, 4)``: top, left, bottom, right of an erased box as fractions; equal corners erase nothing.
    noise_seed
        Seed of the noise field.
    distort
        Distortions that come first; None where there are none.
    size_px
        Height and width of the images that the decisions are for; what else is drawn on them can follow.
    """

    affine: FloatArray
    gain: FloatArray
    offset: FloatArray
    gamma: FloatArray
    noise_std: FloatArray
    erase: FloatArray
    noise_seed: int
    distort: DistortDraw | None = None
    size_px: tuple[int, int] = (0, 0)

    def __call__(self, images: ByteArray) -> ByteArray:
        """Change ``(n, C, H, W)`` uint8 images into new ones of the same shape."""
        unit = _warp(images if self.distort is None else self.distort(images), self.affine)
        unit *= np.float32(1 / 255)
        np.power(unit, self.gamma[:, None, None, None].astype(np.float32), out=unit)
        unit *= self.gain[:, None, None, None].astype(np.float32)
        unit += self.offset[:, None, None, None].astype(np.float32)
        if self.noise_std.any():
            noise = np.random.default_rng(self.noise_seed).standard_normal(unit.shape, np.float32)
            unit += noise * self.noise_std[:, None, None, None].astype(np.float32)
        self._erase(unit)
        return np.round(np.clip(unit, 0, 1) * 255).astype(np.uint8)

    def on_masks(self, masks: ByteArray) -> ByteArray:
        """Move label masks ``(n, H, W)`` uint8 as their images are moved: nearest neighbour, background (0) outside.

        Geometry only: gain, noise, speckle, blur and erased boxes leave a mask as it is, since what they hide is still
        there.
        """
        bent = masks if self.distort is None else self.distort.on_masks(masks)
        return warped_masks(bent, self.affine)

    def pick(self, rows: IntArray) -> "AugmentDraw":
        """Keep the decisions for some of the images; `rows` is ``(m,)``."""
        kept = {name: getattr(self, name)[rows] for name in _PER_IMAGE}
        distort = None if self.distort is None else self.distort.pick(rows)
        return AugmentDraw(**kept, noise_seed=self.noise_seed + int(rows[0]), distort=distort, size_px=self.size_px)

    def _erase(self, unit: FloatArray) -> None:
        height, width = unit.shape[2:]
        boxes = np.round(self.erase * np.array([height, width, height, width])).astype(int)
        for image, (top, left, bottom, right) in zip(unit, boxes, strict=True):
            if bottom > top and right > left:
                image[:, top:bottom, left:right] = image.mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class Augment:
    """The distribution over changes; angles in degrees, everything else a fraction of the image or of its range.

    `distort` adds elastic deformation, speckle, motion blur and JPEG; its dice are thrown after all others, so that
    a seed gives the same rest with and without it. `upside_down_prob` is for images that have no upper side, such as
    those of a microscope.
    """

    rotate_deg: float = 12.0
    shift_frac: float = 0.08
    scale_frac: float = 0.12
    shear_frac: float = 0.05
    flip_prob: float = 0.0
    gain_frac: float = 0.2
    offset_frac: float = 0.1
    gamma_frac: float = 0.25
    noise_frac: float = 0.02
    erase_prob: float = 0.25
    erase_frac: float = 0.3
    distort: Distort | None = field(default=None, metadata=OMIT_DEFAULT)
    upside_down_prob: float = field(default=0.0, metadata=OMIT_DEFAULT)

    def sample(self, rng: np.random.Generator, n: int, height_px: int, width_px: int) -> AugmentDraw:
        """Decide for `n` images of one size; `rng` is the caller's, never the global one."""
        draw = AugmentDraw(
            affine=self._affine(rng, n, height_px, width_px),
            gain=1 + rng.uniform(-self.gain_frac, self.gain_frac, n),
            offset=rng.uniform(-self.offset_frac, self.offset_frac, n),
            gamma=np.exp(rng.uniform(-self.gamma_frac, self.gamma_frac, n)),
            noise_std=rng.uniform(0, self.noise_frac, n),
            erase=self._boxes(rng, n),
            noise_seed=int(rng.integers(2**32)),
            distort=None if self.distort is None else self.distort.sample(rng, n),
            size_px=(height_px, width_px),
        )
        if self.upside_down_prob:
            draw.affine[rng.random(n) < self.upside_down_prob, 0, :2] *= -1
        return draw

    def _affine(self, rng: np.random.Generator, n: int, height_px: int, width_px: int) -> FloatArray:
        angle = np.deg2rad(rng.uniform(-self.rotate_deg, self.rotate_deg, n))
        scale = np.exp(rng.uniform(-self.scale_frac, self.scale_frac, n))
        shear = rng.uniform(-self.shear_frac, self.shear_frac, n)
        mirror = np.where(rng.random(n) < self.flip_prob, -1.0, 1.0)
        shift = rng.uniform(-self.shift_frac, self.shift_frac, (n, 2)) * (height_px, width_px)
        cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
        rows = np.stack([cos, (shear - sin) * mirror, shift[:, 0]], axis=-1)
        columns = np.stack([sin, (cos + shear * sin) * mirror, shift[:, 1]], axis=-1)
        return np.stack([rows, columns], axis=1)

    def _boxes(self, rng: np.random.Generator, n: int) -> FloatArray:
        size = rng.uniform(0.08, self.erase_frac, (n, 2))
        corner = rng.random((n, 2)) * (1 - size)
        chosen = (rng.random(n) < self.erase_prob)[:, None]
        return np.concatenate([corner, corner + size * chosen], axis=1)


def _warp(images: ByteArray, affine: FloatArray) -> FloatArray:
    """Bilinear sampling with black outside; ``(n, C, H, W)`` uint8 to float32 on the 0-255 scale."""
    n, n_channels, height, width = images.shape
    y, x = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
    grid = np.stack([y.ravel(), x.ravel(), np.ones(y.size)]).astype(np.float32)
    source = affine.astype(np.float32) @ grid
    source[:, 0] += (height - 1) / 2
    source[:, 1] += (width - 1) / 2
    corner = np.floor(source)
    fraction = source - corner
    padded = np.zeros((n, n_channels, height + 2, width + 2), np.uint8)
    padded[:, :, 1:-1, 1:-1] = images
    flat = padded.reshape(n, n_channels, -1)
    row = np.clip(corner[:, 0].astype(np.int64) + 1, 0, height)
    column = np.clip(corner[:, 1].astype(np.int64) + 1, 0, width)
    start = row * (width + 2) + column
    inside = _inside(source, height, width)
    fy, fx = fraction[:, 0] * inside, fraction[:, 1] * inside
    weights = ((1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx)
    total = np.zeros((n, n_channels, start.shape[1]), np.float32)
    for step, weight in zip((0, 1, width + 2, width + 3), weights, strict=True):
        picked = np.take_along_axis(flat, np.broadcast_to((start + step)[:, None], total.shape), axis=2)
        total += picked * (weight * inside)[:, None]
    return total.reshape(images.shape)


def _inside(source: FloatArray, height: int, width: int) -> FloatArray:
    within_rows = (source[:, 0] > -1) & (source[:, 0] < height)
    within_columns = (source[:, 1] > -1) & (source[:, 1] < width)
    return (within_rows & within_columns).astype(np.float32)
