"""What training asks about findings that may be there together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.train.objective import ClassObjective
from bedside.train.plan import TrainPlan

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class MarkObjective(ClassObjective):
    """Weighted binary cross-entropy of the known marks, and the teacher's sigmoids; networks as for classes."""

    def loss(self, outputs: "Tensor", targets: "Tensor", teacher: "Tensor | None", plan: TrainPlan) -> "Tensor":
        """Mix both; see `bedside.train.mark_loss`."""
        from bedside.train.mark_loss import mark_loss, soft_mark_loss

        hard = mark_loss(outputs, targets, label_smoothing=plan.label_smoothing)
        if teacher is None:
            return hard
        soft = soft_mark_loss(outputs, teacher, temperature=plan.distil_temperature)
        return plan.distil_weight * soft + (1 - plan.distil_weight) * hard


MARKS = MarkObjective()
