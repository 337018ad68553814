"""Radiography: exposure, scattered radiation, anti-scatter grid lines, a turned patient, a side marker."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.data.corruptions import Family, strength
from bedside.data.corruptions.fields import gaussian_blur, grid, rotation_matrix, side_px, sign_from, warp


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Too much or too little dose: a power law, as automatic exposure control errs on the film's curve."""

    families: ClassVar[tuple[Family, ...]] = ("xray", "general")
    gamma: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the direction."""
        size = strength(severity, (0.15, 0.3, 0.5, 0.75, 1.0))
        return cls(gamma=float(np.exp(sign_from(rng) * size * rng.uniform(0.8, 1.2))))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Apply the power law."""
        return image**self.gamma


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Scattered photons: a share of the signal spread widely, which lowers contrast."""

    families: ClassVar[tuple[Family, ...]] = ("xray",)
    scatter_frac: float
    width_frac: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the spread."""
        share = strength(severity, (0.15, 0.3, 0.45, 0.6, 0.75))
        return cls(scatter_frac=share, width_frac=float(rng.uniform(0.1, 0.2)))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Mix the image with its wide blur and a constant veil."""
        veil = 0.5 * gaussian_blur(image, self.width_frac * side_px(image)) + 0.5 * image.mean()
        return (1 - self.scatter_frac) * image + self.scatter_frac * veil


@dataclass(frozen=True, slots=True, kw_only=True)
class GridLines:
    """Lines of a stationary or aliased anti-scatter grid."""

    families: ClassVar[tuple[Family, ...]] = ("xray",)
    amplitude_frac: float
    cycles_per_px: float
    phase: float
    upright: bool

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide pitch, phase and direction."""
        return cls(
            amplitude_frac=strength(severity, (0.04, 0.08, 0.13, 0.2, 0.3)),
            cycles_per_px=float(rng.uniform(0.1, 0.35)),
            phase=float(rng.uniform(0, 2 * np.pi)),
            upright=bool(rng.random() < 0.5),
        )

    def __call__(self, image: FloatArray) -> FloatArray:
        """Modulate the image by the lines."""
        n = image.shape[2 if self.upright else 1]
        wave = np.sin(2 * np.pi * self.cycles_per_px * np.arange(n) + self.phase).astype(np.float32)
        return image * (1 + self.amplitude_frac * (wave if self.upright else wave[:, None]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A turned patient or cassette."""

    families: ClassVar[tuple[Family, ...]] = ("xray", "general")
    angle_deg: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the direction."""
        size = strength(severity, (4.0, 8.0, 13.0, 20.0, 30.0))
        return cls(angle_deg=sign_from(rng) * size * float(rng.uniform(0.8, 1.2)))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Turn about the centre; black comes in at the corners."""
        return warp(image, rotation_matrix(self.angle_deg), (0.5, 0.5))


_GLYPHS = {
    "L": ("1000", "1000", "1000", "1000", "1111"),
    "R": ("1110", "1001", "1110", "1010", "1001"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A lead letter, L or R, laid into a corner."""

    families: ClassVar[tuple[Family, ...]] = ("xray",)
    letter: str
    size_frac: float
    corner: tuple[float, float]
    brightness_frac: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide letter and place; size grows with severity."""
        size = strength(severity, (0.1, 0.14, 0.19, 0.25, 0.32))
        top, left = (rng.uniform(0.02, 0.12) if rng.random() < 0.5 else rng.uniform(0.86, 0.98) - size for _ in "yx")
        return cls(
            letter=str(rng.choice(("L", "R"))),
            size_frac=size,
            corner=(float(max(0, top)), float(max(0, left))),
            brightness_frac=float(rng.uniform(0.85, 1.0)),
        )

    def __call__(self, image: FloatArray) -> FloatArray:
        """Lay the letter over the image."""
        glyph = np.array([[int(dot) for dot in row] for row in _GLYPHS[self.letter]], bool)
        rows, columns = ((axis + 1) / 2 for axis in grid(image))
        y = np.floor((rows - self.corner[0]) / self.size_frac * glyph.shape[0]).astype(int)
        x = np.floor((columns - self.corner[1]) / self.size_frac * glyph.shape[1]).astype(int)
        inside = (y >= 0) & (y < glyph.shape[0]) & (x >= 0) & (x < glyph.shape[1])
        lead = inside & glyph[np.clip(y, 0, glyph.shape[0] - 1), np.clip(x, 0, glyph.shape[1] - 1)]
        return np.where(lead, np.float32(self.brightness_frac), image)
