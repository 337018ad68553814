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
    from bedside.train.start_weights import StartFile


Option = bool | int | float | str | None

KEEPS_WIDTHS = ("distil", "self_distil", "cluster")
"""Steps that change weights and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCall:
    """A step with settings other than its own defaults.

    Parameters
    ----------
    step
        Name in the seam `STEPS`.
    options
        Fields of the step's settings.
    """

    step: str
    options: dict[str, Option]

    @property
    def label(self) -> str:
        """Name and options in few characters, such as ``prune(criterion=l2,macs_frac=0.25)``."""
        return f"{self.step}({','.join(f'{key}={value}' for key, value in sorted(self.options.items()))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """An architecture, the plan of its fit, and the steps that are applied in order, by name or with settings."""

    architecture: Architecture
    plan: TrainPlan
    steps: tuple[str | StepCall, ...] = ("distil",)

    @property
    def name(self) -> str:
        """Short name."""
        return "+".join((self.architecture.name, *(label_of(step) for step in self.steps)))

    @property
    def changes_widths(self) -> bool:
        """Whether the network that comes out may be another one than the architecture's."""
        return any(step_name(step) not in KEEPS_WIDTHS for step in self.steps)


def step_name(step: str | StepCall) -> str:
    """Name of a step in the seam."""
    return step if isinstance(step, str) else step.step


def label_of(step: str | StepCall) -> str:
    """Show a step in few characters."""
    return step if isinstance(step, str) else step.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """What a step may use besides the model: data, the teacher's answers, the tuning score, a place for checkpoints.

    Without `hardening` a fit is ordinary; with it, adversarial. `start` is the network that the steps begin with, where
    it isn't a fresh one of the recipe's architecture; a fresh one takes the weights of `start_file` where they fit it.
    `teacher` is the reference network itself, for kinds of distillation that look inside it.
    """

    data: "TrainingData"
    monitor: "Monitor"
    teacher_logits: FloatArray | None
    folder: Path | None = None
    hardening: "Hardening | None" = None
    on_epoch: Callable[[EpochMark], None] = field(default=lambda mark: None)
    start: "nn.Module | None" = None
    start_file: "StartFile | None" = None
    teacher: "nn.Module | None" = None


class Step(Protocol):
    """Take a model and return a new one; the model that was handed in survives."""

    def __call__(self, model: "nn.Module", recipe: Recipe, bench: Workbench) -> "nn.Module":
        """Apply the step to a copy."""
        ...


STEPS: Seam[Step | type[Step]] = Seam(
    "bedside.steps",
    {
        "cluster": "bedside.compress.cluster:Cluster",
        "distil": "bedside.compress.distil:Distil",
        "low_rank": "bedside.compress.low_rank:LowRank",
        "prune": "bedside.compress.prune:Prune",
        "qat": "bedside.compress.qat:Qat",
        "self_distil": "bedside.compress.self_distil:SelfDistil",
    },
)
"""Functions, or frozen settings whose call is the step."""
