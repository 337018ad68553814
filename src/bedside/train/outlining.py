"""The objective of segmentation: overlap and cross-entropy, and light U-Nets that can answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.base.task import Task, TensorSpec
from bedside.data.augment import AugmentDraw
from bedside.data.augment_volumes import VolumeDraw
from bedside.train.architecture import Architecture
from bedside.train.plan import TrainPlan

if TYPE_CHECKING:
    from torch import Tensor

LARGE_PX = 96
"""Inputs from this side on begin with an ImageNet encoder; the maps of smaller ones would shrink to nothing in it."""

PRETRAINED = "unet_lite0"


@dataclass(frozen=True, slots=True)
class OutlineObjective:
    """Soft Dice beside cross-entropy; a teacher's maps are matched place by place at their own, coarser grid."""

    has_teacher: bool = True
    dice_weight: float = 1.0
    edge_weight: float = 0.0

    def loss(self, outputs: "Tensor", targets: "Tensor", teacher: "Tensor | None", plan: TrainPlan) -> "Tensor":
        """Overlap loss of ``(N, K, ...)`` against label numbers ``(N, ...)``, mixed with the teacher's soft answers."""
        from bedside.train.overlap_loss import OverlapLoss, pooled_to, soft_target_loss

        terms = OverlapLoss(dice_weight=self.dice_weight, edge_weight=self.edge_weight)
        hard = terms(outputs, targets)
        if teacher is None:
            return hard
        soft = soft_target_loss(pooled_to(outputs, teacher), teacher.to(outputs.dtype), plan.distil_temperature)
        return plan.distil_weight * soft + hard

    def moved(self, targets: np.ndarray[Any, Any], draw: AugmentDraw | VolumeDraw) -> np.ndarray[Any, Any]:
        """Masks go where their images go."""
        return draw.on_masks(targets)

    def reference(self, spec: TensorSpec, task: Task, asked: str | None) -> Architecture:
        """A U-Net with residual decoder blocks: on ImageNet's Lite0 for large inputs, from scratch for small ones."""
        if spec.depth_px is not None:
            return Architecture(family=asked or "unet3d", width=1.0, spec=spec, n_classes=task.n_classes)
        large = spec.is_image and min(spec.height_px, spec.width_px) >= LARGE_PX
        family = asked or (f"{PRETRAINED}:residual" if large else "unet_mobile:residual")
        pretrained = self.pretrained(family, spec)
        return Architecture(family=family, width=1.0, spec=spec, n_classes=task.n_classes, pretrained=pretrained)

    def families(self, spec: TensorSpec) -> Mapping[str, tuple[float, ...]]:
        """Light U-Nets, from wide to narrow; for volumes the one of factored convolutions."""
        if spec.depth_px is not None:
            return {"unet3d": (0.75, 0.5, 0.35, 0.25)}
        small = {"unet_mobile": (1.0, 0.75, 0.5, 0.35, 0.25)}
        if min(spec.height_px, spec.width_px) < LARGE_PX:
            return small
        return {PRETRAINED: (1.0, 0.75, 0.5, 0.25), **small}

    def pretrained(self, family: str, spec: TensorSpec) -> bool:
        """Whatever has a Lite0 encoder."""
        return family.partition(":")[0] == PRETRAINED


OUTLINES = OutlineObjective()
