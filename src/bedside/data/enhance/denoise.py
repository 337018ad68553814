"""Denoising: median, bilateral and non-local means."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bedside.base.arrays import ByteArray, IntArray
from bedside.data.enhance.histogram import refuse_setting
from bedside.data.enhance.luma import on_channels
from bedside.data.enhance.tables import UNIT, box_sums, falling_exponential

_BLOCK_BYTES = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Median:
    """Median of a square; the border is repeated outwards. Takes away salt, pepper and thin lines."""

    kind: Literal["median"] = "median"
    size_px: int = 3

    def __post_init__(self) -> None:
        if self.size_px % 2 == 0 or not 3 <= self.size_px <= 15:
            raise refuse_setting("a median", f"{self.size_px} px", "an odd number from 3 to 15")

    def __call__(self, image: ByteArray) -> ByteArray:
        """Filter ``(H, W)`` or each channel of ``(H, W, 3)`` uint8."""
        return on_channels(self._filter, image)

    def _filter(self, grey: ByteArray) -> ByteArray:
        area, middle = self.size_px**2, self.size_px**2 // 2
        squares = sliding_window_view(np.pad(grey, self.size_px // 2, mode="edge"), (self.size_px, self.size_px))
        result = np.empty_like(grey)
        n_rows = max(1, _BLOCK_BYTES // (grey.shape[1] * area))
        for top in range(0, len(grey), n_rows):
            block = squares[top : top + n_rows].reshape(-1, grey.shape[1], area)
            result[top : top + n_rows] = np.partition(block, middle, axis=2)[..., middle]
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilateral:
    """Mean of a disc, weighted by nearness in place and in grey (Tomasi and Manduchi, ICCV 1998): edges stay."""

    kind: Literal["bilateral"] = "bilateral"
    radius_px: int = 3
    sigma_px: float = 2.0
    sigma_grey: float = 25.0

    def __post_init__(self) -> None:
        if not 1 <= self.radius_px <= 15 or self.sigma_px <= 0 or self.sigma_grey <= 0:
            raise refuse_setting(
                "a bilateral filter", f"{self.radius_px} px, sigmas {self.sigma_px}, {self.sigma_grey}", "1-15, above 0"
            )

    def __call__(self, image: ByteArray) -> ByteArray:
        """Filter ``(H, W)`` or each channel of ``(H, W, 3)`` uint8."""
        return on_channels(self._filter, image)

    def _filter(self, grey: ByteArray) -> ByteArray:
        r, (height, width) = self.radius_px, grey.shape
        of_grey = falling_exponential(2 * self.sigma_grey**2, 255**2 + 1)[np.arange(256, dtype=np.int64) ** 2]
        of_place = falling_exponential(2 * self.sigma_px**2, 2 * r * r + 1)
        centre = grey.astype(np.int64)
        padded = np.pad(grey, r, mode="edge").astype(np.int64)
        total, weights = np.zeros((2, height, width), np.int64)
        for y in range(-r, r + 1):
            for x in range(-r, r + 1):
                if x * x + y * y <= r * r:
                    near = padded[r + y : r + y + height, r + x : r + x + width]
                    weight = of_grey[np.abs(near - centre)] * of_place[x * x + y * y] >> 8
                    total += weight * near
                    weights += weight
        return _rounded_mean(total, weights)


def _rounded_mean(total: IntArray, weights: IntArray) -> ByteArray:
    return ((2 * total + weights) // (2 * weights)).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class NonLocalMeans:
    """Mean of a neighbourhood, weighted by how alike the patches around two pixels are (Buades et al., CVPR 2005).

    Parameters
    ----------
    strength
        Grey levels of noise to take away: a patch that differs by this root mean square weighs 1/e.
    """

    kind: Literal["non_local_means"] = "non_local_means"
    strength: float = 10.0
    patch_radius_px: int = 2
    search_radius_px: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 100 or not 1 <= self.patch_radius_px <= 7 or not 1 <= self.search_radius_px <= 15:
            raise refuse_setting(
                "non-local means",
                f"strength {self.strength}, radii {self.patch_radius_px} and {self.search_radius_px}",
                "a strength to 100, radii to 7 and 15",
            )

    def __call__(self, image: ByteArray) -> ByteArray:
        """Filter ``(H, W)`` or each channel of ``(H, W, 3)`` uint8."""
        return on_channels(self._filter, image)

    def _filter(self, grey: ByteArray) -> ByteArray:
        p, s, (height, width) = self.patch_radius_px, self.search_radius_px, grey.shape
        n_table = int(12 * self.strength**2) + 2  # exp(-12) of a unit is below half a step
        table = falling_exponential(self.strength**2, n_table)
        table = np.append(table[:-1], 0)
        padded = np.pad(grey, p + s, mode="edge").astype(np.int64)
        middle = padded[s : s + height + 2 * p, s : s + width + 2 * p]
        total, weights = np.zeros((2, height, width), np.int64)
        for y in range(2 * s + 1):
            for x in range(2 * s + 1):
                other = padded[y : y + height + 2 * p, x : x + width + 2 * p]
                apart = box_sums((other - middle) ** 2, p) // (2 * p + 1) ** 2
                weight = table[np.minimum(apart, n_table - 1)]
                total += weight * other[p : p + height, p : p + width]
                weights += weight
        return _rounded_mean(total, np.maximum(weights, UNIT))
