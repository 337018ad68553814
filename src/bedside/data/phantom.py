"""A simulated B-mode image: speckle, attenuation, layers, and a hypoechoic lesion in every other one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """Fully developed speckle (Rayleigh amplitude, log-compressed) over a layered background.

    Source: Burckhardt, "Speckle in ultrasound B-mode scans", IEEE Trans. Sonics Ultrason. 25(1), 1978.
    """

    size_px: int = 32
    seed: int = 20_26
    dynamic_range_db: float = 50.0

    def images(self, n: int) -> Iterator[ByteArray]:
        """Yield `n` images ``(size, size)`` uint8; odd ones carry a lesion."""
        for i in range(n):
            yield self.image(i, has_lesion=bool(i % 2))

    def image(self, index: int, *, has_lesion: bool) -> ByteArray:
        """Make one image; the same index gives the same image."""
        rng = np.random.default_rng((self.seed, index))
        y, x = self.grid()
        echo = self.tissue(rng, y, x)
        if has_lesion:
            echo = echo * self._lesion(rng, y, x)
        return self.shown(rng, echo)

    def grid(self) -> FloatArray:
        """Rows and columns of each pixel from 0 to 1, ``(2, size, size)``."""
        return np.mgrid[0 : self.size_px, 0 : self.size_px] / self.size_px

    def shown(self, rng: np.random.Generator, echo: FloatArray) -> ByteArray:
        """Speckle over the echo of the tissue, ``(size, size)``, log-compressed to uint8."""
        field = rng.normal(size=(2, self.size_px, self.size_px))
        amplitude = np.hypot(*point_spread(field)) * echo
        decibel = 20 * np.log10(amplitude / amplitude.max() + 1e-6)
        return np.round(np.clip(1 + decibel / self.dynamic_range_db, 0, 1) * 255).astype(np.uint8)

    def mask(self, index: int, *, has_lesion: bool) -> ByteArray:
        """Where the lesion of the image with that index lies, ``(size, size)`` uint8: 255 inside, 0 outside."""
        inside = np.zeros((self.size_px, self.size_px), bool)
        if has_lesion:
            rng = np.random.default_rng((self.seed, index))
            y, x = np.mgrid[0 : self.size_px, 0 : self.size_px] / self.size_px
            self.tissue(rng, y, x)  # the dice are thrown in the order in which the image throws them
            inside = _radius(rng, y, x) < 1
        return np.where(inside, np.uint8(255), np.uint8(0))

    def tissue(self, rng: np.random.Generator, y: FloatArray, x: FloatArray) -> FloatArray:
        """Echo of a layer over an attenuating background."""
        tilt, depth = rng.uniform(-0.15, 0.15), rng.uniform(0.15, 0.3)
        layer = 1 + 0.8 * np.exp(-(((y - depth - tilt * x) / 0.05) ** 2))
        return layer * np.exp(-rng.uniform(0.4, 1.2) * y) * rng.uniform(0.6, 1.4)

    def _lesion(self, rng: np.random.Generator, y: FloatArray, x: FloatArray) -> FloatArray:
        radius = _radius(rng, y, x)
        inside = 1 / (1 + np.exp(np.minimum(12 * (radius - 1), 50)))
        return 1 - rng.uniform(0.55, 0.9) * inside


def _radius(rng: np.random.Generator, y: FloatArray, x: FloatArray) -> FloatArray:
    """Squared distance from the centre of an ellipse, 1 on its rim."""
    cy, cx = rng.uniform(0.4, 0.75), rng.uniform(0.25, 0.75)
    ry, rx = rng.uniform(0.08, 0.18), rng.uniform(0.1, 0.22)
    return ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2


def point_spread(field: FloatArray) -> FloatArray:
    """The point spread function: wider across the beam than along it."""
    narrow = np.array([0.25, 0.5, 0.25])
    wide = np.array([0.1, 0.25, 0.3, 0.25, 0.1])
    along = np.apply_along_axis(lambda line: np.convolve(line, narrow, mode="same"), 1, field)
    return np.apply_along_axis(lambda line: np.convolve(line, wide, mode="same"), 2, along)
