"""Where in a picture the patient is."""

import numpy as np

from bedside.base.arrays import FloatArray


def foreground_of(pixels: np.ndarray) -> FloatArray:
    """Where the patient is, ``(n, H, W)`` float32 in {0, 1}, for ``(n, C, H, W)`` uint8 images.

    Volumes ``(n, C, D, H, W)`` give ``(n, D, H, W)``; a volume has one threshold.

    Foreground is brighter than a third of Otsu's threshold (IEEE Trans. SMC 9, 1979): air, collimator and the border of
    a fan are black in every modality that we read. Of an image without black background all is foreground.
    """
    grey = pixels.mean(1)
    return np.stack([image > _otsu(image) / 3 for image in grey]).astype(np.float32)


def _otsu(image: FloatArray) -> float:
    counts = np.bincount(image.astype(np.uint8).ravel(), minlength=256).astype(float)
    levels = np.arange(256)
    below = np.cumsum(counts)
    above = below[-1] - below
    low = np.cumsum(counts * levels)
    mean_low = low / np.maximum(below, 1)
    mean_high = (low[-1] - low) / np.maximum(above, 1)
    return float(np.argmax(below * above * (mean_low - mean_high) ** 2))
