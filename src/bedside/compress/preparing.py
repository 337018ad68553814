"""What may be done to a network before it is rounded, by name; the function stays (nearly) the same."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bedside.base.arrays import FloatArray
from bedside.base.task import TensorSpec
from bedside.compress.quantization import QuantizationPlan

if TYPE_CHECKING:
    from torch import nn


def available() -> tuple[tuple[str, ...], ...]:
    """Preparations that the autopilot tries, in order."""
    return ()


def prepared(
    model: "nn.Module", names: Sequence[str], spec: TensorSpec, plan: QuantizationPlan, observed: FloatArray
) -> "nn.Module":
    """Apply preparations in order to a copy; without any it is the model itself."""
    return model
