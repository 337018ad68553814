"""Simulated tissue with small bright foci, and the box around each: a detection task for machines without data."""

from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.data.boxes import Box

KINDS = ("round focus", "long focus")
_MOST_FOCI = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FociPhantom:
    """Smooth background with noise; none to three foci an image, round or long, some at the border."""

    size_px: int = 64
    seed: int = 20_27

    def image(self, index: int) -> tuple[ByteArray, tuple[Box, ...]]:
        """Make one image ``(size, size)`` uint8 and its boxes; the same index gives the same image."""
        rng = np.random.default_rng((self.seed, index))
        y, x = np.mgrid[0 : self.size_px, 0 : self.size_px] + 0.5
        waves = rng.uniform(2, 5, 2) / self.size_px
        tissue = 70 + 25 * np.sin(x * waves[0]) + 20 * np.cos(y * waves[1])
        bright, boxes = np.zeros_like(tissue), []
        for _ in range(int(rng.integers(0, _MOST_FOCI + 1))):
            focus, box = self._focus(rng, y, x)
            if all(_apart(box, other) for other in boxes):
                bright, boxes = np.maximum(bright, focus), [*boxes, box]
        noisy = tissue + bright + rng.normal(0, 8, tissue.shape)
        return np.round(np.clip(noisy, 0, 255)).astype(np.uint8), tuple(boxes)

    def _focus(self, rng: np.random.Generator, y: FloatArray, x: FloatArray) -> tuple[FloatArray, Box]:
        label = int(rng.integers(2))
        long, unit = float(rng.uniform(1.7, 2.2)) if label else 1.0, self.size_px / 64
        rx, ry = rng.uniform(4, 6) * unit * long, rng.uniform(4, 6) * unit
        cx, cy = rng.uniform(0.05, 0.95, 2) * self.size_px
        inside = 1 / (1 + np.exp(np.minimum(8 * (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 - 1), 50)))
        corners = np.clip([cx - rx, cy - ry, cx + rx, cy + ry], 0, self.size_px)
        x0, y0, x1, y1 = (float(corner) for corner in corners)
        return rng.uniform(60, 110) * inside, Box(label=label, x0_px=x0, y0_px=y0, x1_px=x1, y1_px=y1)


def _apart(one: Box, other: Box) -> bool:
    """Whether two boxes share nothing."""
    return one.x1_px <= other.x0_px or other.x1_px <= one.x0_px or one.y1_px <= other.y0_px or other.y1_px <= one.y0_px
