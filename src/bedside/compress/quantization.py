"""The quantization plan: one value that every format's quantizer obeys."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from bedside.base.digest import Digest
from bedside.base.errors import InputError
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
class LayerBits:
    """Bit widths of one layer; 32 means float."""

    weights: Literal[4, 8, 32]
    activations: Literal[8, 16, 32]

    @property
    def is_float(self) -> bool:
        """Whether nothing of the layer is rounded."""
        return self.activations == 32

    def finer(self, other: "LayerBits") -> "LayerBits":
        """What is done where operations of two layers were merged into one: the more exact of each."""
        if self.is_float or other.is_float:
            return FLOAT
        return LayerBits(weights=max(self.weights, other.weights), activations=max(self.activations, other.activations))


FLOAT = LayerBits(weights=32, activations=32)


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

    def bits_of(self, layer: str) -> LayerBits:
        """Bit widths of the layer at a path: the plan's, changed by every rule that names it or a path above it.

        ``float`` outweighs the other rules; ``a16`` and ``w4`` of one layer add up.
        """
        kept = {rule.keeps for rule in self.rules if layer == rule.layer or layer.startswith(rule.layer + ".")}
        if "float" in kept:
            return FLOAT
        return LayerBits(
            weights=4 if "w4" in kept else self.weight_bits, activations=16 if "a16" in kept else self.activation_bits
        )

    @property
    def label(self) -> str:
        """Short name, such as ``w8a16`` or ``w8a8, 2 layers otherwise``."""
        n = len({rule.layer for rule in self.rules})
        widths = f"w{self.weight_bits}a{self.activation_bits}"
        return f"{widths}, {n} layer{'s' if n > 1 else ''} otherwise" if n else widths


def check_rules(plan: QuantizationPlan, layers: Iterable[str]) -> None:
    """Refuse a rule whose layer does not exist.

    Raises
    ------
    InputError
        With the nearest path that does exist.
    """
    known = [layer for layer in layers if layer]
    for rule in plan.rules:
        if rule.layer not in known:
            near = difflib.get_close_matches(rule.layer, known, n=1, cutoff=0)
            raise InputError(
                f"a quantization rule names the layer {rule.layer!r}, which the network does not have",
                expected="a path of `model.named_modules()`",
                hint=f"did you mean {near[0]!r}?" if near else "leave the rule out",
            )
