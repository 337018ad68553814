"""What an image looks like, in some sixty numbers: tone, texture, layout, colour. NumPy only, for the bedside."""

import math
from collections.abc import Sequence

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray, IntArray

GROUPS = ("tone", "texture", "layout", "colour")
"""Feature groups, in the order in which `appearance` returns them."""

WORDS = {
    "tone": "its brightness and contrast",
    "texture": "its sharpness and grain",
    "layout": "what lies where in it (position, orientation, body part)",
    "colour": "its colour",
    "whole": "its appearance as a whole",
}
"""How each group is called when an image is referred."""

FLOORS = {"tone": 0.02, "texture": 0.15, "layout": 0.1, "colour": 0.02}
"""Smallest standard deviation that a feature of a group is taken to have: one scanner is narrower than life."""

_N_BLOCKS = 6
_PERCENTILES = (2, 10, 25, 50, 75, 90, 98)


def appearance(images: ByteArray, raw: Sequence[ByteArray]) -> dict[str, FloatArray]:
    """Features of each group, ``(n, d)`` float64.

    Parameters
    ----------
    images
        ``(n, C, H, W)`` uint8 after `Preprocess.geometry`.
    raw
        The same images as they were read, ``(H, W)`` or ``(H, W, 3)``: colour is lost where the model takes grey.
    """
    grey = images.mean(axis=1, dtype=np.float32) / np.float32(255)
    return {
        "tone": _tone(grey),
        "texture": _texture(grey),
        "layout": _layout(grey),
        "colour": np.array([_colour(image) for image in raw]),
    }


def _tone(grey: FloatArray) -> FloatArray:
    flat = grey.reshape(len(grey), -1)
    spread = np.percentile(flat, _PERCENTILES, axis=1).T
    ends = np.stack([(flat < 0.01).mean(axis=1), (flat > 0.99).mean(axis=1)], axis=1)
    return np.concatenate([flat.mean(axis=1, keepdims=True), flat.std(axis=1, keepdims=True), spread, ends], axis=1)


def _texture(grey: FloatArray) -> FloatArray:
    """Logarithms of gradients along both axes, of a Laplacian, and of the spectrum's share in five rings."""
    down, across = np.diff(grey, axis=1), np.diff(grey, axis=2)
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    laplacian = grey[:, 1:-1, 1:-1] * 4 - around
    sizes = [_log_mean(down), _log_mean(across), _log_mean(laplacian), _log_mean(down) - _log_mean(across)]
    return np.concatenate([np.stack(sizes, axis=1), _rings(grey)], axis=1)


def _log_mean(values: FloatArray) -> FloatArray:
    if not values.size:
        return np.zeros(len(values))
    return np.log(np.abs(values).mean(axis=(1, 2), dtype=np.float64) + 1e-3)


def _rings(grey: FloatArray) -> FloatArray:
    height, width = grey.shape[1:]
    power = np.abs(np.fft.rfft2(grey - grey.mean(axis=(1, 2), keepdims=True))) ** 2
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    ring = np.digitize(frequency, (0.06, 0.12, 0.2, 0.3))
    sums = np.stack([power[:, ring == k].sum(axis=1) for k in range(5)], axis=1).astype(np.float64)
    floor = 1e-6 * (height * width) ** 2
    return np.log((sums + floor) / (sums.sum(axis=1, keepdims=True) + 5 * floor))


def _layout(grey: FloatArray) -> FloatArray:
    """A thumbnail with its own brightness and contrast taken out, its symmetries, and its centre of mass."""
    small = _thumbnail(grey)
    small -= small.mean(axis=(1, 2), keepdims=True)
    small /= small.std(axis=(1, 2), keepdims=True) + 0.03
    mirrored = (small * small[:, :, ::-1]).mean(axis=(1, 2))
    turned = (small * small[:, ::-1]).mean(axis=(1, 2))
    place = np.linspace(-1, 1, _N_BLOCKS)
    row, column = (small.mean(axis=axis) @ place for axis in (2, 1))
    return np.column_stack([small.reshape(len(small), -1), mirrored, turned, row, column]).astype(np.float64)


def _thumbnail(grey: FloatArray) -> FloatArray:
    """Means of a grid of blocks, ``(n, 6, 6)``; an image smaller than that is repeated first."""
    height, width = grey.shape[1:]
    repeat_y, repeat_x = math.ceil(_N_BLOCKS / height), math.ceil(_N_BLOCKS / width)
    if repeat_y > 1 or repeat_x > 1:
        grey = grey.repeat(repeat_y, axis=1).repeat(repeat_x, axis=2)
        height, width = grey.shape[1:]
    rows, columns = (np.arange(_N_BLOCKS) * n // _N_BLOCKS for n in (height, width))
    sums = np.add.reduceat(np.add.reduceat(grey, rows, axis=1), columns, axis=2)
    return sums / np.outer(_widths(rows, height), _widths(columns, width))


def _widths(starts: IntArray, n: int) -> IntArray:
    return np.append(starts[1:], n) - starts


def _colour(image: ByteArray) -> tuple[float, float, float]:
    """Saturation, red above green, blue above green, on the 0-1 scale; zeros for a grey image."""
    if image.ndim == 2:
        return (0.0, 0.0, 0.0)
    step = max(1, min(image.shape[:2]) // 64)
    pixels = image[::step, ::step].reshape(-1, 3).astype(np.float32) / 255
    red, green, blue = pixels.mean(axis=0)
    saturation = (pixels.max(axis=1) - pixels.min(axis=1)).mean()
    return (float(saturation), float(red - green), float(blue - green))
