"""What happens to volumes: noise, blur, an uneven coil, thick slices, slices that lack."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.data.corruptions import strength
from bedside.data.corruptions.fields import gaussian_blur, seed_from
from bedside.data.volume_placing import resampled


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Gaussian noise in every voxel, each modality with its own field."""

    noise_frac: float
    seed: int

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int, slice_axis: int) -> Self:
        """Decide the field."""
        return cls(noise_frac=strength(severity, (0.02, 0.05, 0.08, 0.12, 0.18)), seed=seed_from(rng))

    def __call__(self, volume: FloatArray) -> FloatArray:
        """Add it to ``(C, D, H, W)`` in [0, 1]."""
        noise = np.random.default_rng(self.seed).standard_normal(volume.shape, np.float32)
        return volume + np.float32(self.noise_frac) * noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """A Gaussian along all three axes, its width a share of the shortest side."""

    sigma_frac: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int, slice_axis: int) -> Self:
        """Take the width of the severity; nothing is left to chance."""
        return cls(sigma_frac=strength(severity, (0.02, 0.03, 0.045, 0.065, 0.09)))

    def __call__(self, volume: FloatArray) -> FloatArray:
        """Blur ``(C, D, H, W)``; the edge is repeated."""
        sigma = self.sigma_frac * min(volume.shape[1:])
        planes = gaussian_blur(volume, sigma)
        return np.moveaxis(gaussian_blur(np.moveaxis(planes, 1, -1)[..., None], sigma)[..., 0], -1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasField:
    """Uneven coil sensitivity: the exponential of a polynomial of the second order in three dimensions.

    Source: Van Leemput et al., IEEE TMI 18(10), 1999.
    """

    size: float
    coefficients: tuple[float, ...]

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int, slice_axis: int) -> Self:
        """Decide the polynomial."""
        size = strength(severity, (0.2, 0.4, 0.6, 0.85, 1.15))
        return cls(size=size, coefficients=tuple(rng.uniform(-1, 1, 9).tolist()))

    def __call__(self, volume: FloatArray) -> FloatArray:
        """Multiply ``(C, D, H, W)`` by the field, whose largest logarithm is `size`."""
        z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in volume.shape[1:]), indexing="ij")
        terms = (z, y, x, z * y, z * x, y * x, z * z - 1 / 3, y * y - 1 / 3, x * x - 1 / 3)
        field = sum(weight * term for weight, term in zip(self.coefficients, terms, strict=True))
        return volume * np.exp(field * (self.size / max(float(np.abs(field).max()), 1e-6))).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThickSlices:
    """Slices several times as thick, brought back to the grid: what is lost between them stays lost."""

    times: float
    axis: int

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int, slice_axis: int) -> Self:
        """Take the thickness of the severity; nothing is left to chance."""
        return cls(times=strength(severity, (1.5, 2.0, 3.0, 4.0, 6.0)), axis=slice_axis)

    def __call__(self, volume: FloatArray) -> FloatArray:
        """Resample ``(C, D, H, W)`` along the slices' axis, linear with antialiasing, and back."""
        depth, height, width = volume.shape[1:]
        sides = [depth, height, width]
        sides[self.axis] = max(1, round(sides[self.axis] / self.times))
        thick = (resampled(channel, (sides[0], sides[1], sides[2])) for channel in volume)
        return np.stack([resampled(channel, (depth, height, width)) for channel in thick])


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingSlices:
    """A run of slices that was not sent: black in every modality."""

    missing_frac: float
    place_frac: float
    axis: int

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int, slice_axis: int) -> Self:
        """Decide where they lack."""
        share = strength(severity, (0.05, 0.1, 0.15, 0.22, 0.3))
        return cls(missing_frac=share, place_frac=float(rng.uniform()), axis=slice_axis)

    def __call__(self, volume: FloatArray) -> FloatArray:
        """Blacken one slice at least of ``(C, D, H, W)``."""
        n = volume.shape[1 + self.axis]
        n_missing = max(1, round(self.missing_frac * n))
        start = int(self.place_frac * (n - n_missing + 1))
        spoilt = volume.copy()
        np.moveaxis(spoilt, 1 + self.axis, 0)[start : start + n_missing] = 0
        return spoilt
