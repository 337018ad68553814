"""Two thin layers in the place of one: how they are built, and how a weights file tells that they are there."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


def factorable(layer: nn.Module, name: str, model: nn.Module) -> bool:
    """Whether a layer may be replaced by two: a plain linear or convolutional one that no module reads weights of.

    Layers of a gated channel of one pixel count as pointwise convolutions, like any other.
    """
    if not name or isinstance(_parent(model, name), nn.MultiheadAttention):
        return False
    if type(layer) is nn.Linear:
        return True
    return (
        type(layer) is nn.Conv2d
        and layer.groups == 1
        and set(layer.dilation) == {1}
        and not isinstance(layer.padding, str)
        and layer.padding_mode == "zeros"
    )


def factor_layers(layer: Any, rank: int) -> nn.Sequential:
    """Two layers without weights of their own worth: ``in -> rank`` and ``rank -> out``, the second with the bias.

    Of a convolution the first has the kernel's height, its stride and padding along it, the second the width's.
    """
    has_bias = layer.bias is not None
    if isinstance(layer, nn.Linear):
        return nn.Sequential(
            nn.Linear(layer.in_features, rank, bias=False), nn.Linear(rank, layer.out_features, bias=has_bias)
        )
    (height, width), (down, across), padding = layer.kernel_size, layer.stride, layer.padding
    return nn.Sequential(
        nn.Conv2d(layer.in_channels, rank, (height, 1), (down, 1), (padding[0], 0), bias=False),
        nn.Conv2d(rank, layer.out_channels, (1, width), (1, across), (0, padding[1]), bias=has_bias),
    )


def factored_like(model: nn.Module, state: Mapping[str, torch.Tensor]) -> nn.Module:
    """Put factors wherever `state` has two weights under a layer's name instead of its one, in place.

    Like widths, factors need no record beside the weights: their names and shapes say all.
    """
    for name, layer in list(model.named_modules()):
        is_factored = f"{name}.weight" not in state and f"{name}.0.weight" in state and f"{name}.1.weight" in state
        if is_factored and isinstance(layer, nn.Linear | nn.Conv2d):
            model.set_submodule(name, factor_layers(layer, state[f"{name}.0.weight"].shape[0]))
    return model


def _parent(model: nn.Module, name: str) -> nn.Module:
    return model.get_submodule(name.rpartition(".")[0])
