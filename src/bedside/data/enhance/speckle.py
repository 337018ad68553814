"""Speckle: Lee's filter, which averages where the speckle is fully developed and leaves edges alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.data.enhance.histogram import refuse_setting
from bedside.data.enhance.luma import on_channels
from bedside.data.enhance.tables import box_sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Lee:
    """Lee's filter for multiplicative noise (IEEE Trans. PAMI 2(2), 1980): ``m + w (x - m)``, ``w = 1 - (Cu / Ci)^2``.

    Sums are whole numbers; the rest is one addition, multiplication, division at a time in float64, which IEEE 754
    defines to the last bit.

    Parameters
    ----------
    noise_ratio
        Cu: standard deviation of pure speckle over its mean; Ci is that of the pixel's own square.
    """

    kind: Literal["lee"] = "lee"
    size_px: int = 7
    noise_ratio: float = 0.25

    def __post_init__(self) -> None:
        if self.size_px % 2 == 0 or not 3 <= self.size_px <= 31 or not 0 < self.noise_ratio <= 2:
            raise refuse_setting("Lee's filter", f"{self.size_px} px and {self.noise_ratio}", "odd, 3 to 31; 0 to 2")

    def __call__(self, image: ByteArray) -> ByteArray:
        """Filter ``(H, W)`` or each channel of ``(H, W, 3)`` uint8."""
        return on_channels(self._filter, image)

    def _filter(self, grey: ByteArray) -> ByteArray:
        radius, n = self.size_px // 2, self.size_px**2
        padded = np.pad(grey, radius, mode="edge").astype(np.int64)
        total, squares = box_sums(padded, radius), box_sums(padded * padded, radius)
        spread = np.maximum(n * squares - total * total, 1)  # n^2 times the variance
        noise = (total * total).astype(np.float64) * (self.noise_ratio * self.noise_ratio)
        weight = np.maximum(1 - noise / spread, 0)
        mean = total / n
        return np.clip(np.rint(mean + weight * (grey - mean)), 0, 255).astype(np.uint8)
