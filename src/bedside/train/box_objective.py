"""The objective of detection: heat and boxes, boxes that follow the augmentation, and the networks that answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import ShapeError
from bedside.base.task import Task, TensorSpec
from bedside.data.augment import AugmentDraw
from bedside.data.boxes import NO_BOX
from bedside.train.architecture import Architecture
from bedside.train.plan import TrainPlan

if TYPE_CHECKING:
    from torch import Tensor

LEAST_SEEN_FRAC = 0.3
"""An object of which less than this is left in the picture is no longer asked for."""

_LEAST_SIDE_PX = 3.0


@dataclass(frozen=True, slots=True)
class BoxObjective:
    """Focal loss on the heat, GIoU on the boxes; students learn from the boxes alone: maps are too large to keep."""

    has_teacher: bool = False

    def loss(self, outputs: "Tensor", targets: "Tensor", teacher: "Tensor | None", plan: TrainPlan) -> "Tensor":
        """Loss of maps ``(N, K + 4, h, w)`` on boxes ``(N, M, 5)``."""
        from bedside.train.centre_loss import centre_loss

        return centre_loss(outputs, targets)

    def moved(self, targets: np.ndarray[Any, Any], draw: AugmentDraw) -> FloatArray:
        """Move boxes as the draw moves their images; see `moved_boxes`."""
        return moved_boxes(targets, draw)

    def reference(self, spec: TensorSpec, task: Task, asked: str | None) -> Architecture:
        """EfficientNet-Lite0 under a pyramid, from ImageNet; `asked` names another ``centre_...`` family."""
        family = asked or "centre_lite0"
        return Architecture(
            family=family, width=1.0, spec=spec, n_classes=task.n_classes, pretrained=self.pretrained(family, spec)
        )

    def families(self, spec: TensorSpec) -> Mapping[str, tuple[float, ...]]:
        """Pyramids over EfficientNet-Lite0 and over light bottlenecks of our own."""
        return {"centre_lite0": (1.0, 0.5), "centre_depthwise": (1.5, 1.0, 0.75, 0.5)}

    def pretrained(self, family: str, spec: TensorSpec) -> bool:
        """Lite0 begins with ImageNet weights."""
        return family == "centre_lite0"


def moved_boxes(targets: np.ndarray[Any, Any], draw: AugmentDraw) -> FloatArray:
    """Boxes ``(n, M, 5)`` around the same objects after the images were changed by `draw`.

    A turned box is taken around the ellipse that the old one holds: for a flip, a shift or a scale that is exact, and
    for a rotation it is closer to an object than a box around the old corners. What leaves the picture is clipped;
    an object of which less than `LEAST_SEEN_FRAC` is left, or that an erased patch hides to that degree, is dropped.

    Raises
    ------
    ShapeError
        If the draw deforms images elastically: boxes cannot follow.
    """
    if draw.distort is not None and np.any(draw.distort.elastic):
        raise ShapeError(
            "boxes cannot follow an elastic deformation", expected="elastic_prob 0", hint="leave Distort.elastic out"
        )
    height_px, width_px = draw.size_px
    middle = np.array([height_px, width_px]) / 2
    low, high = targets[..., [2, 1]].astype(np.float64), targets[..., [4, 3]].astype(np.float64)
    back = np.linalg.inv(draw.affine[:, :, :2])  # the draw maps places of the new image to places of the old one
    centre = np.einsum("nij,nmj->nmi", back, (low + high) / 2 - middle - draw.affine[:, None, :, 2]) + middle
    half = np.sqrt(np.einsum("nij,nmj->nmi", back**2, ((high - low) / 2) ** 2))
    whole = (2 * half).prod(axis=2)
    low, high = (np.clip(place, 0, [height_px, width_px]) for place in (centre - half, centre + half))
    seen = np.clip(high - low, 0, None).prod(axis=2) - _hidden(low, high, draw.erase, height_px, width_px)
    kept = (targets[..., 0] != NO_BOX) & (seen >= LEAST_SEEN_FRAC * whole) & ((high - low).min(axis=2) > _LEAST_SIDE_PX)
    moved = np.concatenate([targets[..., :1], low[..., ::-1], high[..., ::-1]], axis=2).astype(np.float32)
    moved[~kept] = NO_BOX
    return moved


def _hidden(low: FloatArray, high: FloatArray, erase: FloatArray, height_px: int, width_px: int) -> FloatArray:
    """Area of each box that the erased patch of its image covers, ``(n, M)``."""
    patch = erase * np.array([height_px, width_px, height_px, width_px])
    inner = np.minimum(high, patch[:, None, 2:]) - np.maximum(low, patch[:, None, :2])
    return np.clip(inner, 0, None).prod(axis=2)


BOXES = BoxObjective()
