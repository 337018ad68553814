"""A simulated MR volume: an oval organ of two parts in noisy tissue, with its label map."""

from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray

CLASSES = ("background", "head", "tail")


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumePhantom:
    """An ellipsoid, tilted and shifted, whose front and back differ a little in brightness; Rician noise.

    Magnitude MR noise is Rician: Gudbjartsson & Patz, Magn. Reson. Med. 34:910, 1995.
    """

    shape: tuple[int, int, int] = (16, 24, 16)
    seed: int = 20_26
    noise_frac: float = 0.08

    def volume(self, index: int) -> tuple[ByteArray, ByteArray]:
        """Make voxels and label numbers (see `CLASSES`), ``(D, H, W)`` uint8 each; the same index gives the same."""
        rng = np.random.default_rng((self.seed, index))
        d, h, w = np.meshgrid(*(np.linspace(-1, 1, n) for n in self.shape), indexing="ij")
        d, h, w = (axis - rng.uniform(-0.2, 0.2) for axis in (d, h, w))
        tilt = rng.uniform(-0.4, 0.4)
        along, across = np.cos(tilt) * h + np.sin(tilt) * d, np.cos(tilt) * d - np.sin(tilt) * h
        radii = rng.uniform((0.4, 0.55, 0.35), (0.55, 0.75, 0.5))
        inside = (across / radii[0]) ** 2 + (along / radii[1]) ** 2 + (w / radii[2]) ** 2 < 1
        labels = np.where(inside, np.where(along > rng.uniform(-0.1, 0.1), 1, 2), 0).astype(np.uint8)
        grey = np.array([0.25, 0.75, 0.55])[labels] * rng.uniform(0.8, 1.1)
        noise = rng.normal(scale=self.noise_frac, size=(2, *self.shape))
        magnitude = np.hypot(grey + noise[0], noise[1])
        return np.round(np.clip(magnitude, 0, 1) * 255).astype(np.uint8), labels
