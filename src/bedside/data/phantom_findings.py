"""Simulated B-mode images with several findings at once, or with a lesion of some grade."""

from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.data.phantom import Phantom

FINDINGS = ("lesion", "cyst", "calcification")
GRADES = ("none", "small", "medium", "large")

_PRESENT_FRAC = (0.4, 0.3, 0.2)
_UNKNOWN_FRAC = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsPhantom:
    """A `Phantom` with any of three findings, each there or not for itself, and marks of which some are unknown.

    A lesion is a dark patch; a cyst is black, with enhancement behind it; a calcification is a bright spot, with a
    shadow behind it.
    """

    size_px: int = 32
    seed: int = 20_27

    def case(self, index: int) -> tuple[ByteArray, tuple[int, ...]]:
        """Image ``(size, size)`` uint8 and its marks (1, 0 or -1); the same index gives the same case."""
        phantom = Phantom(size_px=self.size_px)
        rng = np.random.default_rng((self.seed, index))
        there = rng.random(3) < _PRESENT_FRAC
        hidden = rng.random(3) < _UNKNOWN_FRAC
        y, x = phantom.grid()
        echo = phantom.tissue(rng, y, x)
        for has, change in zip(there, (_lesion, _cyst, _calcification), strict=True):
            echo = echo * change(rng, y, x) if has else echo
        marks = tuple(-1 if hide else int(has) for has, hide in zip(there, hidden, strict=True))
        return phantom.shown(rng, echo), marks


def _disc(y: FloatArray, x: FloatArray, at: tuple[float, float], radii: tuple[float, float]) -> FloatArray:
    """1 inside an ellipse, 0 outside, soft between."""
    away = ((y - at[0]) / radii[0]) ** 2 + ((x - at[1]) / radii[1]) ** 2
    return 1 / (1 + np.exp(np.minimum(12 * (away - 1), 50)))


def _lesion(rng: np.random.Generator, y: FloatArray, x: FloatArray) -> FloatArray:
    at = rng.uniform(0.4, 0.75), rng.uniform(0.2, 0.45)
    return 1 - rng.uniform(0.6, 0.85) * _disc(y, x, at, (rng.uniform(0.12, 0.2), rng.uniform(0.14, 0.24)))


def _cyst(rng: np.random.Generator, y: FloatArray, x: FloatArray) -> FloatArray:
    at, radius = (rng.uniform(0.35, 0.5), rng.uniform(0.55, 0.8)), rng.uniform(0.1, 0.15)
    behind = (y > at[0] + radius) * np.exp(-(((x - at[1]) / radius) ** 2))
    return (1 - 0.97 * _disc(y, x, at, (radius, radius))) * (1 + 1.5 * behind)


def _calcification(rng: np.random.Generator, y: FloatArray, x: FloatArray) -> FloatArray:
    at, width = (rng.uniform(0.25, 0.4), rng.uniform(0.15, 0.85)), rng.uniform(0.05, 0.08)
    behind = (y > at[0]) * np.exp(-(((x - at[1]) / width) ** 2))
    return (1 + 5 * _disc(y, x, at, (0.04, width))) * (1 - 0.9 * behind)


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedPhantom:
    """A `Phantom` whose lesion is absent, small, medium or large; sizes of neighbouring grades touch."""

    size_px: int = 32
    seed: int = 20_28

    def image(self, index: int, *, grade: int) -> ByteArray:
        """Make one image ``(size, size)`` uint8; the same index and grade give the same image."""
        phantom = Phantom(size_px=self.size_px)
        rng = np.random.default_rng((self.seed, index))
        y, x = phantom.grid()
        echo = phantom.tissue(rng, y, x)
        if grade:
            radius = 0.06 * grade + rng.uniform(0.02, 0.08)
            at = rng.uniform(0.45, 0.6), rng.uniform(0.35, 0.65)
            echo = echo * (1 - 0.8 * _disc(y, x, at, (radius, 1.2 * radius)))
        return phantom.shown(rng, echo)
