"""Blur, turn, zoom and smooth fields: what several corruptions are made of."""

import numpy as np

from bedside.base.arrays import FloatArray


def side_px(image: FloatArray) -> int:
    """Shorter side of a ``(C, H, W)`` image; strengths are fractions of it, so that a severity looks alike at all."""
    return min(image.shape[1:])


def gaussian_blur(image: FloatArray, sigma_px: float) -> FloatArray:
    """Blur the last two axes; the edge is repeated."""
    if sigma_px < 0.05:
        return image
    radius = max(1, round(3 * sigma_px))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_px) ** 2).astype(np.float32)
    taps /= taps.sum()
    for axis in (-2, -1):
        image = _convolve(image, taps, axis)
    return image


def _convolve(image: FloatArray, taps: FloatArray, axis: int) -> FloatArray:
    radius, n = len(taps) // 2, image.shape[axis]
    index = np.arange(n)
    total = np.zeros_like(image, np.float32)
    for step, weight in zip(range(-radius, radius + 1), taps, strict=True):
        total += weight * np.take(image, np.clip(index + step, 0, n - 1), axis=axis)
    return total


def grid(image: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Row and column of every pixel, each ``(H, W)`` from -1 to 1."""
    height, width = image.shape[1:]
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return rows.astype(np.float32), columns.astype(np.float32)


def warp(image: FloatArray, matrix: FloatArray, pivot: tuple[float, float]) -> FloatArray:
    """Resample with black outside, bilinear.

    Parameters
    ----------
    matrix
        ``(2, 2)``: offset of an output pixel (row, column) from the pivot, to the offset of its source.
    pivot
        Row and column as fractions of the image; the point that stays where it is.
    """
    from PIL import Image

    height, width = image.shape[1:]
    pivot_row, pivot_column = pivot[0] * (height - 1) + 0.5, pivot[1] * (width - 1) + 0.5
    (d, c), (b, a) = matrix  # Pillow asks for columns first: x' = a x + b y + ..., y' = c x + d y + ...
    shift_column = pivot_column - a * pivot_column - b * pivot_row
    shift_row = pivot_row - c * pivot_column - d * pivot_row
    numbers = (a, b, shift_column, c, d, shift_row)
    turned = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(plane, np.float32)).transform(
                (width, height), Image.Transform.AFFINE, tuple(float(x) for x in numbers), Image.Resampling.BILINEAR
            )
        )
        for plane in image
    ]
    return np.stack(turned)


def rotation_matrix(angle_deg: float) -> FloatArray:
    """Turn by an angle, for `warp`."""
    cos, sin = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return np.array([[cos, -sin], [sin, cos]])


def seed_from(rng: np.random.Generator) -> int:
    """Draw a seed, so that a noise field is decided in `sample` and drawn where the image's shape is known."""
    return int(rng.integers(2**32))


def sign_from(rng: np.random.Generator) -> float:
    """Draw -1 or 1."""
    return float(rng.choice((-1.0, 1.0)))
