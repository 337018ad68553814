"""The part of a model's input that holds the image: a letterbox is no place to look at."""

import numpy as np

from bedside.base.arrays import FloatArray


def content_box(image: FloatArray) -> tuple[slice, slice]:
    """Rows and columns of ``(C, H, W)`` less the constant ones along its border; all of them for a constant image.

    To hide a black bar under a grey patch is to draw something into the image: on letterboxed ultrasound the hottest
    places of a map that does so lie on the edges of the bars.
    """
    rows = np.flatnonzero((image.max(axis=2) > image.min(axis=2)).any(axis=0))
    columns = np.flatnonzero((image.max(axis=1) > image.min(axis=1)).any(axis=0))
    if not len(rows) or not len(columns):
        return slice(0, image.shape[1]), slice(0, image.shape[2])
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
