"""A simulated clip in which only the order of the frames tells: a diaphragm that goes down, or up."""

from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.data.phantom import point_spread


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPhantom:
    """A bright diaphragm between dim lung and speckled liver, which moves steadily from frame to frame.

    A clip of expiration is a clip of inspiration, its frames in reverse: the frames of the two classes, taken one by
    one or as a heap, have the same distribution, and whoever averages over frames is right as often as a coin.

    Source of the speckle: Burckhardt, "Speckle in ultrasound B-mode scans", IEEE Trans. Sonics Ultrason. 25(1), 1978.
    """

    size_px: int = 32
    n_frames: int = 8
    seed: int = 20_26
    dynamic_range_db: float = 45.0

    def clip(self, index: int, *, goes_down: bool) -> ByteArray:
        """Make one clip, ``(T, size, size)`` uint8; the same index gives the same clip."""
        rng = np.random.default_rng((self.seed, index))
        travel = rng.uniform(0.25, 0.4)
        depths = rng.uniform(0.2, 0.75 - travel) + travel * np.linspace(0, 1, self.n_frames)
        tilt, gain = rng.uniform(-0.15, 0.15), rng.uniform(0.7, 1.3)
        frames = np.stack([self._frame(rng, depth, tilt, gain) for depth in depths])
        return np.ascontiguousarray(frames if goes_down else frames[::-1])

    def _frame(self, rng: np.random.Generator, depth: float, tilt: float, gain: float) -> ByteArray:
        y, x = np.mgrid[0 : self.size_px, 0 : self.size_px] / self.size_px
        below = y - depth - tilt * (x - 0.5)
        echo = gain * (0.25 + 0.75 / (1 + np.exp(-below / 0.02)) + 2 * np.exp(-((below / 0.04) ** 2)))
        field: FloatArray = point_spread(rng.normal(size=(2, self.size_px, self.size_px)))
        decibel = 20 * np.log10(np.hypot(*field) * echo / 3 + 1e-6)
        return np.round(np.clip(1 + decibel / self.dynamic_range_db, 0, 1) * 255).astype(np.uint8)
