"""From the maps of a detector to boxes with scores, in NumPy: peaks of the heat, their boxes, and no box twice."""

from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import ShapeError
from bedside.runtime.box_maps import BOX_CHANNELS, STRIDE_PX, boxes_of_maps

LEAST_PROB = 0.01
"""Fainter peaks are not looked at; curves end there."""

MOST_BOXES = 100
"""Boxes an image, as in COCO's evaluation."""

_PEAKS_A_BOX = 4
"""Peaks that are looked at for each box that may stay; all pairs of more would cost time for nothing."""

SAME_OBJECT_IOU = 0.5
"""Two boxes of one class that overlap more than this are the same object; the fainter one goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """What was found in one image, best first.

    Parameters
    ----------
    labels, scores, boxes
        ``(m,)`` class, ``(m,)`` probability, ``(m, 4)`` x0, y0, x1, y1 in pixels.
    """

    labels: IntArray = field(repr=False)
    scores: FloatArray = field(repr=False)
    boxes: FloatArray = field(repr=False)

    def __len__(self) -> int:
        return len(self.scores)

    def where(self, kept: BoolArray) -> "Detections":
        """The detections that are chosen by ``(m,)``."""
        return Detections(labels=self.labels[kept], scores=self.scores[kept], boxes=self.boxes[kept])

    def above(self, thresholds_prob: FloatArray) -> "Detections":
        """Those at or above the threshold of their class, ``(K,)``."""
        return self.where(self.scores >= thresholds_prob[self.labels])


def detect(
    maps: FloatArray,
    *,
    temperature: float = 1.0,
    least_prob: float = LEAST_PROB,
    most_boxes: int = MOST_BOXES,
    same_iou: float = SAME_OBJECT_IOU,
) -> list[Detections]:
    """Boxes of each image from ``(N, K + 4, h, w)`` maps, in pixels of the model's input.

    A cell is a peak of its class where none of its eight neighbours is higher (Zhou et al., arXiv:1904.07850,
    section 3); neighbours that int8 made equal are all peaks, and the suppression of boxes keeps one of them. Maps
    that are not finite hold no peak there.

    Raises
    ------
    ShapeError
        If the maps have another rank, or no class.
    """
    if maps.ndim != 4 or maps.shape[1] <= BOX_CHANNELS:
        raise ShapeError(
            f"maps of shape {maps.shape}", expected=f"(N, K + {BOX_CHANNELS}, h, w)", hint="is this file a detector?"
        )
    return [_of_one(one, temperature, least_prob, most_boxes, same_iou) for one in maps]


def _of_one(maps: FloatArray, temperature: float, least_prob: float, most_boxes: int, same_iou: float) -> Detections:
    logits = np.where(np.isfinite(maps[:-BOX_CHANNELS]), maps[:-BOX_CHANNELS], -np.inf).astype(np.float64)
    with np.errstate(over="ignore"):
        heat = 1 / (1 + np.exp(-logits / temperature))
    labels, y, x = np.nonzero((logits == highest_around(logits)) & (heat >= least_prob))
    scores = heat[labels, y, x]
    order = np.argsort(-scores, kind="stable")[: _PEAKS_A_BOX * most_boxes]
    boxes = boxes_of_maps(maps[None])[0, y, x]
    height, width = maps.shape[1] * STRIDE_PX, maps.shape[2] * STRIDE_PX
    boxes = np.clip(boxes, 0, [width, height, width, height])
    order = order[_solid(boxes[order])]
    found = Detections(labels=labels[order], scores=scores[order], boxes=boxes[order])
    found = found.where(_distinct(found, same_iou))
    return found.where(np.arange(len(found)) < most_boxes)


def _solid(boxes: FloatArray) -> BoolArray:
    """Boxes that are finite and have an area inside the image."""
    return np.isfinite(boxes).all(axis=1) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])


def highest_around(maps: FloatArray) -> FloatArray:
    """Largest of the 3 x 3 neighbours of each cell of ``(K, h, w)`` maps."""
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    rows = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return np.maximum(np.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def _distinct(found: Detections, same_iou: float) -> BoolArray:
    """Greedy suppression within each class, best first (Neubeck & Van Gool, ICPR 2006)."""
    kept = np.ones(len(found), bool)
    same_class = found.labels[:, None] == found.labels[None]
    doubles = (iou(found.boxes, found.boxes) > same_iou) & same_class
    for i in range(len(found)):
        if kept[i]:
            kept[i + 1 :] &= ~doubles[i, i + 1 :]
    return kept


def iou(one: FloatArray, other: FloatArray) -> FloatArray:
    """Intersection over union of every pair, ``(n, m)``, of ``(n, 4)`` and ``(m, 4)`` boxes; 0 where both are empty."""
    inner = np.minimum(one[:, None, 2:], other[None, :, 2:]) - np.maximum(one[:, None, :2], other[None, :, :2])
    shared = np.clip(inner, 0, None).prod(axis=2)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1) for boxes in (one, other)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.divide(shared, union, out=np.zeros_like(union), where=union > 0)
