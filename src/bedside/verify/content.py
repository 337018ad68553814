"""The part of a model's input that holds the image: a letterbox is no place to look at."""

import numpy as np

from bedside.base.arrays import FloatArray


def content_box(image: FloatArray) -> tuple[slice, ...]:
    """Rows and columns of ``(C, H, W)``, or planes, rows and columns of ``(C, D, H, W)``, less the constant rims.

    All of them for a constant image. To hide a black bar under a grey patch is to draw something into the image: on
    letterboxed ultrasound the hottest places of a map that does so lie on the edges of the bars.
    """
    spatial = range(1, image.ndim)
    box = []
    for axis in spatial:
        others = tuple(other for other in spatial if other != axis)
        uneven = np.flatnonzero((image.max(axis=others) > image.min(axis=others)).any(axis=0))
        if not len(uneven):
            return tuple(slice(0, n) for n in image.shape[1:])
        box.append(slice(int(uneven[0]), int(uneven[-1]) + 1))
    return tuple(box)
