"""The quantization plan: one value that every format's quantizer obeys."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.base.digest import Digest
from bedside.base.jsonform import OMIT_DEFAULT

Ranges = Literal["min_max", "percentile", "mse", "entropy"]
Keeps = Literal["float", "a16", "w4"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRule:
    """What one layer is given instead of the plan's bit widths.

    Parameters
    ----------
    layer
        Path of a layer in the captured network, such as ``blocks.3.conv``; a path above layers means all of them.
    keeps
        ``float`` leaves weights and activations in float32, ``a16`` gives it 16-bit activations, ``w4`` 4-bit weights.
    """

    layer: str
    keeps: Keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationPlan:
    """Post-training integer arithmetic: what is rounded, and whose images set the ranges.

    Weights are symmetric, one scale an output channel; activations are asymmetric at 8 bits and symmetric at 16, one
    scale a tensor. By default a range is the smallest and largest value that was observed: moving averages and
    histograms clip rare, large logits, and those belong to the positives.

    Parameters
    ----------
    ranges
        Observer of the activations inside the network; the output's range is always its smallest and largest value.
    weight_bits, activation_bits
        Bit widths of every layer that no rule names.
    rules
        Layers that are treated otherwise.
    observation
        Digest of the observed inputs, in order.
    """

    weights: Literal["per_channel_symmetric"] = "per_channel_symmetric"
    activations: Literal["per_tensor_asymmetric"] = "per_tensor_asymmetric"
    ranges: Ranges = "min_max"
    weight_bits: Literal[4, 8] = field(default=8, metadata=OMIT_DEFAULT)
    activation_bits: Literal[8, 16] = field(default=8, metadata=OMIT_DEFAULT)
    rules: tuple[LayerRule, ...] = field(default=(), metadata=OMIT_DEFAULT)
    n_observed: int
    observation: Digest
