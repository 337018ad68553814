"""Ultrasound: gain, depth, acoustic shadow, probe angle, speckle."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.data.corruptions import Family, strength
from bedside.data.corruptions.fields import gaussian_blur, grid, rotation_matrix, seed_from, sign_from, warp


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """A wrong gain, and a wrong compensation with depth: on log-compressed echoes both are added."""

    families: ClassVar[tuple[Family, ...]] = ("ultrasound",)
    offset_frac: float
    slope_frac: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the directions of both."""
        size = strength(severity, (0.05, 0.1, 0.16, 0.23, 0.32))
        return cls(offset_frac=sign_from(rng) * size, slope_frac=sign_from(rng) * size * float(rng.uniform(0.3, 0.7)))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Add to what has an echo; black stays black."""
        rows, _ = grid(image)
        return np.where(image > 0.02, image + self.offset_frac + self.slope_frac * rows, image)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """Depth set too deep (the anatomy shrinks towards the probe) or too shallow (it grows)."""

    families: ClassVar[tuple[Family, ...]] = ("ultrasound",)
    zoom: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide deeper or shallower."""
        size = strength(severity, (0.08, 0.16, 0.26, 0.38, 0.52))
        return cls(zoom=float(np.exp(sign_from(rng) * size)))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Zoom about the middle of the probe's face."""
        return warp(image, np.eye(2) / self.zoom, (0.0, 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """Rib, calcification or gas: a dark band below a starting depth."""

    families: ClassVar[tuple[Family, ...]] = ("ultrasound",)
    depth_frac: float
    centre_frac: float
    width_frac: float
    darkness_frac: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the place."""
        return cls(
            depth_frac=float(rng.uniform(0.05, 0.35)),
            centre_frac=float(rng.uniform(0.2, 0.8)),
            width_frac=strength(severity, (0.1, 0.14, 0.19, 0.25, 0.33)),
            darkness_frac=strength(severity, (0.35, 0.5, 0.65, 0.8, 0.95)),
        )

    def __call__(self, image: FloatArray) -> FloatArray:
        """Darken the band, which widens a little with depth."""
        rows, columns = ((axis + 1) / 2 for axis in grid(image))
        below = 1 / (1 + np.exp(-np.clip((rows - self.depth_frac) / 0.03, -40, 40)))
        half = self.width_frac * (0.4 + 0.3 * rows)
        within = 1 / (1 + np.exp(np.clip((np.abs(columns - self.centre_frac) - half) / 0.03, -40, 40)))
        return image * (1 - self.darkness_frac * below * within)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAngle:
    """A tilted probe: the picture turns about the middle of its face."""

    families: ClassVar[tuple[Family, ...]] = ("ultrasound",)
    angle_deg: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the direction."""
        size = strength(severity, (4.0, 8.0, 13.0, 19.0, 27.0))
        return cls(angle_deg=sign_from(rng) * size * float(rng.uniform(0.8, 1.2)))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Turn about the top."""
        return warp(image, rotation_matrix(self.angle_deg), (0.0, 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speckle:
    """More speckle: multiplicative noise with the grain of a point spread function."""

    families: ClassVar[tuple[Family, ...]] = ("ultrasound",)
    noise_frac: float
    grain_px: float
    seed: int

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide grain and field."""
        size = strength(severity, (0.12, 0.22, 0.34, 0.48, 0.65))
        return cls(noise_frac=size, grain_px=float(rng.uniform(0.5, 0.9)), seed=seed_from(rng))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Multiply by one plus the field."""
        field = np.random.default_rng(self.seed).standard_normal((1, *image.shape[1:]), np.float32)
        field = gaussian_blur(field, self.grain_px)
        return image * (1 + self.noise_frac * field / max(float(field.std()), 1e-6))
