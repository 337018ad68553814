"""What training asks about ordered classes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.train.objective import ClassObjective, class_divergence
from bedside.train.plan import TrainPlan

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class GradeObjective(ClassObjective):
    """Cross-entropy with soft ordinal labels, and the teacher's soft answers; networks as for classes."""

    def loss(self, outputs: "Tensor", targets: "Tensor", teacher: "Tensor | None", plan: TrainPlan) -> "Tensor":
        """Mix both; see `bedside.train.soft_grades`."""
        from bedside.train.soft_grades import grade_loss

        hard = grade_loss(outputs, targets)
        if teacher is None:
            return hard
        t = plan.distil_temperature
        return plan.distil_weight * t * t * class_divergence(outputs, teacher, t) + (1 - plan.distil_weight) * hard


GRADES = GradeObjective()
