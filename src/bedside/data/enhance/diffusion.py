"""Speckle-reducing anisotropic diffusion: smooths within tissue, not across its borders."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.data.enhance.histogram import refuse_setting
from bedside.data.enhance.luma import on_channels


@dataclass(frozen=True, slots=True, kw_only=True)
class Srad:
    """Speckle reducing anisotropic diffusion (Yu and Acton, IEEE Trans. Image Process. 11(11), 2002).

    Grey runs from a pixel to its four neighbours at the rate ``1 / (1 + (q^2 - q0^2) / (q0^2 (1 + q0^2)))``, where q is
    the local coefficient of variation (from gradient and Laplacian) and q0 that of pure speckle, which falls by `decay`
    a step. Rates are kept within 0 and 1. Only sums, products and quotients of float64, one at a time, which IEEE 754
    defines to the last bit. One is added to the grey levels, since the filter divides by them.

    Parameters
    ----------
    noise_ratio
        q0 at the first step: standard deviation of speckle over its mean.
    rate
        Share of the full step of an explicit scheme; stable up to 1.
    """

    kind: Literal["srad"] = "srad"
    n_steps: int = 15
    noise_ratio: float = 0.25
    decay: float = 0.97
    rate: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.n_steps <= 200 or not 0 < self.noise_ratio <= 2:
            raise refuse_setting("SRAD", f"{self.n_steps} steps, {self.noise_ratio}", "1 to 200 steps; 0 to 2")
        if not 0 < self.decay <= 1 or not 0 < self.rate <= 1:
            raise refuse_setting("SRAD", f"decay {self.decay}, rate {self.rate}", "above 0, up to 1")

    def __call__(self, image: ByteArray) -> ByteArray:
        """Filter ``(H, W)`` or each channel of ``(H, W, 3)`` uint8."""
        return on_channels(self._filter, image)

    def _filter(self, grey: ByteArray) -> ByteArray:
        field, q0 = grey.astype(np.float64) + 1.0, self.noise_ratio
        for _ in range(self.n_steps):
            field = self._stepped(field, q0 * q0)
            q0 = q0 * self.decay
        return np.clip(np.rint(field - 1.0), 0, 255).astype(np.uint8)

    def _stepped(self, field: FloatArray, noise: float) -> FloatArray:
        padded = np.pad(field, 1, mode="edge")
        up, down = padded[:-2, 1:-1] - field, padded[2:, 1:-1] - field
        left, right = padded[1:-1, :-2] - field, padded[1:-1, 2:] - field
        gradient = (up * up + down * down + left * left + right * right) / (field * field)
        laplacian = (up + down + left + right) / field
        bottom = 1.0 + 0.25 * laplacian  # the mean of the neighbours over the pixel: always above 0
        variation = (0.5 * gradient - 0.0625 * (laplacian * laplacian)) / (bottom * bottom)
        excess = (variation - noise) / (noise * (1.0 + noise))
        rates = np.where(excess > 0, 1.0 / (1.0 + np.maximum(excess, 0.0)), 1.0)
        below, beside = np.pad(rates, ((0, 1), (0, 0)), mode="edge")[1:], np.pad(rates, ((0, 0), (0, 1)), mode="edge")
        flow = rates * up + below * down + rates * left + beside[:, 1:] * right
        return field + (0.25 * self.rate) * flow
