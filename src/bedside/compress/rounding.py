"""Numbers as the converters round them: weights with one scale an output channel, activations with one a tensor."""

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


def round_activation(values: "Tensor", ends: "Tensor", bits: int) -> "Tensor":
    """Clip and round to integers of 8 bits (asymmetric) or 16 (symmetric); gradients pass straight through inside."""
    import torch

    low, high = (float(end) for end in ends)
    if bits == 16:
        scale = max(-low, high, 1e-9) / 32767
        return torch.fake_quantize_per_tensor_affine(values, scale, 0, -32768, 32767)
    scale = max(high - low, 1e-9) / 255
    zero = max(-128, min(127, round(-128 - low / scale)))
    return torch.fake_quantize_per_tensor_affine(values, scale, zero, -128, 127)


def round_weight(weight: "Tensor", bits: int, *, axis: int = 0) -> "Tensor":
    """Round weights to symmetric integers, one scale an output channel; gradients pass straight through."""
    import torch

    top = 2 ** (bits - 1) - 1
    largest = weight.detach().abs().amax(dim=[i for i in range(weight.ndim) if i != axis])
    scale = (largest / top).clamp(min=1e-9)
    zeros = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zeros, axis, -top, top)
