"""The quantization plan: one value that every format's quantizer obeys."""

from dataclasses import dataclass
from typing import Literal

from bedside.base.digest import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationPlan:
    """Post-training int8: what is rounded, and whose images set the ranges.

    Weights are symmetric, one scale an output channel, in [-127, 127]; activations are asymmetric, one scale a tensor,
    with the smallest and largest value that was observed. Moving averages and histograms clip rare, large logits, and
    those belong to the positives.

    Parameters
    ----------
    observation
        Digest of the observed inputs, in order.
    """

    bit_width: Literal[8] = 8
    weights: Literal["per_channel_symmetric"] = "per_channel_symmetric"
    activations: Literal["per_tensor_asymmetric"] = "per_tensor_asymmetric"
    ranges: Literal["min_max"] = "min_max"
    n_observed: int
    observation: Digest
