"""Computed tomography: noise of a low dose, streaks of metal, a wrong window."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.data.corruptions import Family, strength
from bedside.data.corruptions.fields import grid, seed_from, sign_from


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseNoise:
    """Quantum noise with the spectrum of filtered back-projection: it rises with frequency, then falls.

    Source: Riederer, Pelc & Chesler, Phys Med Biol 23, 1978.
    """

    families: ClassVar[tuple[Family, ...]] = ("ct", "general")
    noise_frac: float
    seed: int

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the field."""
        return cls(noise_frac=strength(severity, (0.02, 0.05, 0.08, 0.12, 0.18)), seed=seed_from(rng))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Add the field, scaled to its standard deviation."""
        height, width = image.shape[1:]
        white = np.random.default_rng(self.seed).standard_normal((height, width))
        frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
        field = np.fft.irfft2(np.fft.rfft2(white) * frequency * np.exp(-((frequency / 0.35) ** 2)), s=(height, width))
        return image + (self.noise_frac / max(float(field.std()), 1e-9)) * field.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaks:
    """Metal: a bright spot with bright and dark rays."""

    families: ClassVar[tuple[Family, ...]] = ("ct",)
    size_frac: float
    centre: tuple[float, float]
    n_rays: int
    phase: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the place and the rays."""
        return cls(
            size_frac=strength(severity, (0.08, 0.15, 0.23, 0.32, 0.42)),
            centre=(float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.6, 0.6))),
            n_rays=int(rng.integers(5, 12)),
            phase=float(rng.uniform(0, 2 * np.pi)),
        )

    def __call__(self, image: FloatArray) -> FloatArray:
        """Add rays that fade with distance, and saturate the spot."""
        rows, columns = grid(image)
        y, x = rows - self.centre[0], columns - self.centre[1]
        radius = np.hypot(y, x)
        rays = np.cos(self.n_rays * np.arctan2(y, x) + self.phase) * np.exp(-radius)
        return np.where(radius < 0.06, np.float32(1), image + np.float32(self.size_frac) * rays.astype(np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowError:
    """The wrong display window: its level is off, and its width."""

    families: ClassVar[tuple[Family, ...]] = ("ct",)
    level_frac: float
    width_factor: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide both directions."""
        level = strength(severity, (0.04, 0.08, 0.13, 0.18, 0.25))
        width = strength(severity, (0.1, 0.2, 0.3, 0.45, 0.6))
        return cls(level_frac=sign_from(rng) * level, width_factor=float(np.exp(sign_from(rng) * width)))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Display the same values through the other window."""
        return (image - 0.5 - self.level_frac) / self.width_factor + 0.5
