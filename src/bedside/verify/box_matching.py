"""Which detection found which object: the matching of COCO's evaluation, once, for every figure of a detector."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import ShapeError
from bedside.verify.detecting import Detections, iou

IOU_LEVELS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
"""0.50, 0.55, ..., 0.95 (Lin et al., ECCV 2014)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Every detection of many images, best first within the whole, and what it hit.

    Parameters
    ----------
    labels, scores, images
        ``(d,)`` class, probability, and number of the image.
    hits
        ``(L, d)``: whether the detection is the match of an object at each level of IoU.
    n_objects
        ``(N, K)`` objects of each class in each image.
    """

    labels: IntArray = field(repr=False)
    scores: FloatArray = field(repr=False)
    images: IntArray = field(repr=False)
    hits: BoolArray = field(repr=False)
    n_objects: IntArray = field(repr=False)
    levels: tuple[float, ...] = IOU_LEVELS

    @property
    def n_images(self) -> int:
        """Number of images, those without an object and without a detection included."""
        return len(self.n_objects)

    def at(self, level: float) -> BoolArray:
        """Hits at one level of IoU, ``(d,)``."""
        return self.hits[self.levels.index(level)]


def match(
    found: Sequence[Detections], targets: FloatArray, n_classes: int, *, levels: Sequence[float] = IOU_LEVELS
) -> Matches:
    """Match detections to objects, image by image and class by class.

    The best detection chooses first; it takes the free object of its class with the largest IoU, if that reaches the
    level. An object is found once: a second detection of it is a false positive, and so is every detection in an image
    without objects.

    Parameters
    ----------
    targets
        ``(N, M, 5)``: label (-1 for padding), x0, y0, x1, y1, in the pixels of the detections.

    Raises
    ------
    ShapeError
        If there is not one row of targets an image.
    """
    if len(found) != len(targets):
        raise ShapeError(
            f"{len(found)} images with detections, {len(targets)} with targets",
            expected="one row an image", hint="take both from one list of cases",
        )  # fmt: skip
    hits = [_hits_of(one, truth[truth[:, 0] >= 0], levels) for one, truth in zip(found, targets, strict=True)]
    scores = np.concatenate([one.scores for one in found] or [np.zeros(0)])
    order = np.argsort(-scores, kind="stable")
    counts = np.stack([np.bincount(truth[truth[:, 0] >= 0, 0].astype(int), minlength=n_classes) for truth in targets])
    return Matches(
        labels=np.concatenate([one.labels for one in found])[order],
        scores=scores[order],
        images=np.repeat(np.arange(len(found)), [len(one) for one in found])[order],
        hits=np.concatenate(hits, axis=1)[:, order],
        n_objects=counts,
        levels=tuple(levels),
    )


def _hits_of(found: Detections, truth: FloatArray, levels: Sequence[float]) -> BoolArray:
    """Hits of the detections of one image, ``(L, m)``; they come best first."""
    hits = np.zeros((len(levels), len(found)), bool)
    overlap = iou(found.boxes, truth[:, 1:])
    overlap[found.labels[:, None] != truth[None, :, 0]] = -1
    for row, level in zip(hits, levels, strict=True):
        free = np.ones(len(truth), bool)
        for i, overlaps in enumerate(overlap):
            open_ = np.where(free, overlaps, -1)
            if len(open_) and open_[j := int(open_.argmax())] >= level:
                row[i], free[j] = True, False
    return hits
