"""A recipe says how a model is made smaller; its steps are plugins."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bedside.base.arrays import FloatArray
from bedside.base.seam import Seam
from bedside.train.architecture import Architecture
from bedside.train.plan import EpochMark, TrainPlan

if TYPE_CHECKING:
    from torch import nn

    from bedside.train.fitting import Monitor, TrainingData
    from bedside.train.hardening import Hardening


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """An architecture, the plan of its fit, and the names of the steps that are applied in order."""

    architecture: Architecture
    plan: TrainPlan
    steps: tuple[str, ...] = ("distil",)

    @property
    def name(self) -> str:
        """Short name."""
        return "+".join((self.architecture.name, *self.steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """What a step may use besides the model: data, the teacher's answers, the tuning score, a place for checkpoints.

    Without `hardening` a fit is ordinary; with it, adversarial.
    """

    data: "TrainingData"
    monitor: "Monitor"
    teacher_logits: FloatArray | None
    folder: Path | None = None
    hardening: "Hardening | None" = None
    on_epoch: Callable[[EpochMark], None] = field(default=lambda mark: None)


class Step(Protocol):
    """Take a model and return a new one; the model that was handed in survives."""

    def __call__(self, model: "nn.Module", recipe: Recipe, bench: Workbench) -> "nn.Module":
        """Apply the step to a copy."""
        ...


STEPS: Seam[Step] = Seam("bedside.steps", {"distil": "bedside.compress.distil:distil"})
