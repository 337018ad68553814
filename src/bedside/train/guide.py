"""A guide: one more term of a fit's loss, from the insides of the network or from whole maps of a teacher."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bedside.base.arrays import IntArray
from bedside.base.seam import Seam
from bedside.train.plan import TrainPlan

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bedside.train.views import TrainingData


class Guide(Protocol):
    """What `bedside.train.fitting.fit` asks beyond the targets and the teacher's final answers.

    A guide belongs to one fit: it may hold hooks and a memory of the teacher.
    """

    def begin(self, network: "nn.Module") -> "nn.Module | None":
        """Start watching the network; return what shall learn beside it and be thrown away afterwards, if anything."""
        ...

    def loss(self, outputs: "Tensor", targets: "Tensor", rows: IntArray, view: int) -> "Tensor":
        """Term of the batch that the network has just computed: development cases `rows` in a shared view."""
        ...

    def end(self) -> None:
        """Stop watching."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideOrder:
    """What a guide is made for.

    Parameters
    ----------
    teacher
        The reference network; None where a network teaches itself.
    weight
        Multiple of the kind's usual weight.
    edge_weight
        By how much a pixel near a border of the mask counts more than another's; kinds without masks ignore it.
    """

    student: "nn.Module"
    teacher: "nn.Module | None"
    data: "TrainingData"
    plan: TrainPlan
    weight: float = 1.0
    edge_weight: float = 0.0


GUIDES: Seam[Callable[[GuideOrder], Guide]] = Seam(
    "bedside.guides",
    {
        "attention": "bedside.train.feature_guide:attention",
        "hints": "bedside.train.feature_guide:hints",
        "relational": "bedside.train.feature_guide:relational",
        "pixels": "bedside.train.pixel_guide:pixels",
        "deep_to_shallow": "bedside.train.shallow_guide:deep_to_shallow",
    },
)
"""Kinds of distillation beyond soft targets, by name."""
