"""Cameras and scopes: blur, glare, JPEG, colour cast."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.data.corruptions import Family, strength
from bedside.data.corruptions.fields import gaussian_blur, grid, side_px, sign_from


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """Out of focus."""

    families: ClassVar[tuple[Family, ...]] = ("camera", "general")
    sigma_frac: float

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the width, within a fifth of the severity's."""
        size = strength(severity, (0.012, 0.02, 0.03, 0.042, 0.058))
        return cls(sigma_frac=size * float(rng.uniform(0.8, 1.2)))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Blur; at least a third of a pixel, so that a small image shows it too."""
        return gaussian_blur(image, max(0.33, self.sigma_frac * side_px(image)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Glare:
    """A reflection of the lamp: a bright spot that saturates."""

    families: ClassVar[tuple[Family, ...]] = ("camera",)
    brightness_frac: float
    radius_frac: float
    centre: tuple[float, float]

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the place."""
        return cls(
            brightness_frac=strength(severity, (0.3, 0.5, 0.7, 0.9, 1.2)),
            radius_frac=strength(severity, (0.12, 0.18, 0.25, 0.33, 0.42)),
            centre=(float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.6, 0.6))),
        )

    def __call__(self, image: FloatArray) -> FloatArray:
        """Add the spot to every channel."""
        rows, columns = grid(image)
        distance = np.hypot(rows - self.centre[0], columns - self.centre[1])
        return image + self.brightness_frac * np.exp(-0.5 * (distance / self.radius_frac) ** 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jpeg:
    """Hard compression on the way."""

    families: ClassVar[tuple[Family, ...]] = ("camera", "general")
    quality: int

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide the quality, within three steps."""
        quality = strength(severity, (60, 40, 26, 15, 7))
        return cls(quality=int(quality + rng.integers(-2, 3)))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Encode and decode."""
        from io import BytesIO

        from PIL import Image

        pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
        buffer = BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)).save(
            buffer, "JPEG", quality=self.quality
        )
        with Image.open(buffer) as decoded:
            return np.atleast_3d(np.asarray(decoded, np.float32) / 255).transpose(2, 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourCast:
    """A wrong white balance: red against blue, and green a little; a grey image gets darker or lighter."""

    families: ClassVar[tuple[Family, ...]] = ("camera",)
    gains: tuple[float, float, float]

    @classmethod
    def sample(cls, rng: np.random.Generator, severity: int) -> Self:
        """Decide warm or cold."""
        size = sign_from(rng) * strength(severity, (0.08, 0.15, 0.24, 0.35, 0.5))
        green = float(rng.uniform(-0.4, 0.4)) * abs(size)
        return cls(gains=(float(np.exp(size)), float(np.exp(green)), float(np.exp(-size))))

    def __call__(self, image: FloatArray) -> FloatArray:
        """Multiply each channel by its gain."""
        return image * np.array(self.gains[: image.shape[0]], np.float32)[:, None, None]
