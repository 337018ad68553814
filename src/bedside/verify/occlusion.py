"""Where does the model look? Hide one place after another and watch the probability (Zeiler & Fergus, ECCV 2014)."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.runtime.session import Session, logits
from bedside.verify.content import content_box
from bedside.verify.operating_point import OperatingPoint

N_CELLS = 10
N_CELLS_OF_VOLUMES = 6
"""Cubes along a side of a volume: 216 runs."""

_AT_ONCE = 2**24
"""Values of hidden copies that are in memory together: 64 MiB."""


def occlusion_map(
    session: Session, image: FloatArray, point: OperatingPoint, class_index: int, *, n_cells: int | None = None
) -> FloatArray:
    """How much hiding each place lowers the probability of a class.

    Parameters
    ----------
    image
        One preprocessed ``(C, H, W)`` image or ``(C, D, H, W)`` volume; a hidden place takes the mean of each channel.
        The constant bars of a letterbox are no part of it: they are never hidden, never hot, and not in the mean.
    n_cells
        Windows (of volumes: cubes) along a side, each a fifth of it, or as much more as leaves no gap. None for 10, or
        6 of volumes.

    Returns
    -------
    FloatArray
        ``(H, W)`` or ``(D, H, W)`` in [0, 1], the largest drop scaled to 1; all zero if hiding nothing lowers it.
    """
    box = content_box(image)
    places = _places(box, n_cells or (N_CELLS if image.ndim == 3 else N_CELLS_OF_VOLUMES))
    spatial = tuple(range(1, image.ndim))
    fill = image[:, *box].mean(axis=spatial, keepdims=True)
    whole = point.probabilities(logits(session, image[None]))[0, class_index]
    left = [point.probabilities(logits(session, hidden))[:, class_index] for hidden in _hidden(image, places, fill)]
    drops = np.maximum(0, whole - np.concatenate(left))
    total, count = np.zeros(image.shape[1:]), np.zeros(image.shape[1:])
    for drop, place in zip(drops, places, strict=True):
        total[place] += drop
        count[place] += 1
    heat = total / np.maximum(count, 1)
    return heat / heat.max() if heat.max() > 1e-6 else np.zeros_like(heat)


def _places(box: Sequence[slice], n_cells: int) -> list[tuple[slice, ...]]:
    """Every window: its extent along each axis."""
    along = []
    for part in box:
        n = part.stop - part.start
        side = max(2, n // 5, -(-n // n_cells))
        starts = np.linspace(0, max(0, n - side), n_cells).round().astype(int) + part.start
        along.append([slice(start, min(start + side, part.stop)) for start in starts])
    return list(product(*along))


def _hidden(image: FloatArray, places: Sequence[tuple[slice, ...]], fill: FloatArray) -> Iterator[FloatArray]:
    """Copies of the image with one window hidden in each, as many together as memory bears."""
    n = max(1, _AT_ONCE // image.size)
    for i in range(0, len(places), n):
        block = places[i : i + n]
        copies = np.repeat(image[None], len(block), axis=0)
        for copy, place in zip(copies, block, strict=True):
            copy[:, *place] = fill
        yield copies
