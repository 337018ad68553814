"""Where does the model look? Hide one place after another and watch the probability (Zeiler & Fergus, ECCV 2014)."""

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.runtime.session import Session, logits
from bedside.verify.content import content_box
from bedside.verify.operating_point import OperatingPoint

N_CELLS = 10


def occlusion_map(
    session: Session, image: FloatArray, point: OperatingPoint, class_index: int, *, n_cells: int = N_CELLS
) -> FloatArray:
    """How much hiding each place lowers the probability of a class.

    Parameters
    ----------
    image
        One preprocessed ``(C, H, W)`` image; a hidden place takes the image's mean. The constant bars of a letterbox
        are no part of it: they are never hidden, never hot, and not in the mean.
    n_cells
        Windows along a side, each a fifth of it; fewer than 6 would leave gaps.

    Returns
    -------
    FloatArray
        ``(H, W)`` in [0, 1], the largest drop scaled to 1; all zero if hiding nothing lowers it.
    """
    box = content_box(image)
    inner = image[:, *box]
    height, width = inner.shape[1:]
    side_y, side_x = max(2, height // 5), max(2, width // 5)
    rows = np.linspace(0, max(0, height - side_y), n_cells).round().astype(int) + box[0].start
    columns = np.linspace(0, max(0, width - side_x), n_cells).round().astype(int) + box[1].start
    hidden = np.repeat(image[None], n_cells * n_cells, axis=0)
    places = [(slice(y, min(y + side_y, box[0].stop)), slice(x, min(x + side_x, box[1].stop)))
              for y in rows for x in columns]  # fmt: skip
    fill = inner.mean(axis=(1, 2), keepdims=True)
    for copy, place in zip(hidden, places, strict=True):
        copy[:, *place] = fill
    whole = point.probabilities(logits(session, image[None]))[0, class_index]
    drops = np.maximum(0, whole - point.probabilities(logits(session, hidden))[:, class_index])
    total, count = np.zeros(image.shape[1:]), np.zeros(image.shape[1:])
    for drop, place in zip(drops, places, strict=True):
        total[place] += drop
        count[place] += 1
    heat = total / np.maximum(count, 1)
    return heat / heat.max() if heat.max() > 1e-6 else np.zeros_like(heat)
