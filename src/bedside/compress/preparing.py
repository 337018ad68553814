"""What may be done to a network before it is rounded, by name; its float function stays (nearly) the same."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bedside.base.arrays import FloatArray
from bedside.base.task import TensorSpec
from bedside.compress.bias_correction import bias_corrected
from bedside.compress.equalization import equalized
from bedside.compress.quantization import QuantizationPlan

if TYPE_CHECKING:
    from torch import nn


def prepared(
    model: "nn.Module", names: Sequence[str], spec: TensorSpec, plan: QuantizationPlan, observed: FloatArray
) -> "nn.Module":
    """Apply preparations (``equalized``, ``corrected``) in order to a copy; without any it is the model itself.

    Raises
    ------
    TraceError
        If the network cannot be captured.
    """
    for name in names:
        if name == "equalized":
            model = equalized(model, spec, observed=observed)
        else:
            model = bias_corrected(model, spec, observed=observed, plan=plan)
    return model
