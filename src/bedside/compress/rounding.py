"""Weights as the converters round them: symmetric, one scale an output channel."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def rounded_weight(layer: Any, *, n_bits: int) -> "Tensor":
    """The layer's weight after rounding to ``2^n - 1`` levels from ``-max|w|`` to ``max|w|`` of each output channel.

    Parameters
    ----------
    layer
        A convolution (transposed ones count their output channels on axis 1) or a linear layer.
    """
    import torch

    weight = layer.weight.detach()
    axis = 1 if getattr(layer, "transposed", False) else 0
    others = [i for i in range(weight.ndim) if i != axis]
    top = 2 ** (n_bits - 1) - 1
    scale = weight.abs().amax(others, keepdim=True) / top
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (weight / scale).round().clamp(-top, top) * scale
