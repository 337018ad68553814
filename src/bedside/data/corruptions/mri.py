"""Magnetic resonance: bias field, ghosting, motion, Rician noise."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.data.corruptions import Family, strength
from bedside.data.corruptions.fields import grid, seed_from

_CENTRE_FRAC = 0.06  # share of k-space lines around the centre that ghosting leaves alone (TorchIO's RandomGhosting)


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasField:
    """Uneven coil sensitivity: a smooth gain, the exponential of a polynomial of the second order.

    Source: Van Leemput et al., IEEE TMI 18(10), 1999.
    """

    families: ClassVar[tuple[Family, ...]] = ("mri",)
    size: float
    coefficients: tuple[float, ...]

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the polynomial."""
        size = strength(severity, (0.2, 0.4, 0.6, 0.85, 1.15))
        return cls(size=size, coefficients=tuple(rng.uniform(-1, 1, 5).tolist()))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Multiply by the field, whose largest logarithm is `size`."""
        y, x = grid(image)
        a, b, c, d, e = self.coefficients
        field = a * y + b * x + c * y * x + d * (y * y - 1 / 3) + e * (x * x - 1 / 3)
        return image * np.exp(field * (self.size / max(float(np.abs(field).max()), 1e-6))).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ghosting:
    """Periodic motion: every n-th line of k-space weakened, so that copies appear along the phase axis."""

    families: ClassVar[tuple[Family, ...]] = ("mri",)
    n_ghosts: int
    weakened_frac: float
    axis: int

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the number of copies and the phase axis."""
        size = strength(severity, (0.2, 0.35, 0.5, 0.7, 0.95))
        return cls(n_ghosts=int(rng.integers(2, 6)), weakened_frac=size, axis=int(rng.integers(1, 3)))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Weaken the lines, but for the centre of k-space, and take the magnitude."""
        lines = np.fft.fft(image, axis=self.axis)
        n = image.shape[self.axis]
        weight = np.ones(n)
        weight[:: self.n_ghosts] -= self.weakened_frac
        weight[np.abs(np.fft.fftfreq(n)) < _CENTRE_FRAC / 2] = 1
        shape = [1, 1, 1]
        shape[self.axis] = n
        return np.abs(np.fft.ifft(lines * weight.reshape(shape), axis=self.axis)).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """The head moves now and then: later lines of k-space come from a shifted image (Shaw et al., MIDL 2019)."""

    families: ClassVar[tuple[Family, ...]] = ("mri",)
    times_frac: tuple[float, ...]
    shifts_frac: tuple[tuple[float, float], ...]

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide when and where to."""
        size, n = strength(severity, (0.01, 0.02, 0.035, 0.055, 0.08)), int(rng.integers(2, 5))
        angles = rng.uniform(0, 2 * np.pi, n)
        moves = size * np.stack([np.sin(angles), np.cos(angles)], axis=1)
        return cls(
            times_frac=tuple(np.sort(rng.uniform(0.2, 0.9, n)).tolist()),
            shifts_frac=tuple((float(y), float(x)) for y, x in moves),
        )

    def __call__(self, image: FloatArray) -> FloatArray:
        """Put k-space together from the still and the moved images, line after line."""
        height, width = image.shape[1:]
        space = np.fft.fftshift(np.fft.fft2(image), axes=(1, 2))
        y = np.fft.fftshift(np.fft.fftfreq(height))[:, None]
        x = np.fft.fftshift(np.fft.fftfreq(width))
        for start, (dy, dx) in zip(self.times_frac, self.shifts_frac, strict=True):
            late = np.arange(height)[:, None] >= round(start * height)
            space = np.where(late, space * np.exp(-2j * np.pi * (y * dy * height + x * dx * width)), space)
        return np.abs(np.fft.ifft2(np.fft.ifftshift(space, axes=(1, 2)))).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class RicianNoise:
    """Magnitude of a complex image with Gaussian noise (Gudbjartsson & Patz, MRM 34, 1995)."""

    families: ClassVar[tuple[Family, ...]] = ("mri",)
    noise_frac: float
    seed: int

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the field."""
        return cls(noise_frac=strength(severity, (0.02, 0.05, 0.08, 0.12, 0.18)), seed=seed_from(rng))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Add noise to both channels and take the magnitude."""
        real, imaginary = np.random.default_rng(self.seed).standard_normal((2, 1, *image.shape[1:]), np.float32)
        return np.hypot(image + self.noise_frac * real, self.noise_frac * imaginary)
