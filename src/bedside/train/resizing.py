"""Give a freshly built network the widths that a file's weights have."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bedside.train.factored import factored_like


def resized(model: nn.Module, state: Mapping[str, torch.Tensor]) -> nn.Module:
    """Change the channels of `model` to those of `state`; the widths follow from the shapes of the weights alone.

    A pruned network differs from its architecture in nothing but widths, so no record of the pruning is needed to build
    it again; one of low-rank factors has two weights where the architecture has one. Values are not copied.

    Parameters
    ----------
    state
        Weights and buffers by name, as `state_dict` names them.
    """
    for name, layer in factored_like(model, state).named_modules():
        prefix = f"{name}." if name else ""
        tensors = {**layer._parameters, **layer._buffers}
        own = {key: (old, state[prefix + key]) for key, old in tensors.items() if prefix + key in state}
        if any(old is not None and old.shape != new.shape for old, new in own.values()):
            _resize(layer, {key: new for key, (_, new) in own.items()})
    return model


def _resize(layer: Any, own: dict[str, torch.Tensor]) -> None:
    shape = next(tensor.shape for tensor in own.values() if tensor.ndim)
    n_out, n_in = shape[0], shape[-1]
    if isinstance(layer, nn.Conv2d):
        if layer.groups == layer.in_channels == layer.out_channels:
            layer.groups = n_out
        layer.out_channels, layer.in_channels = n_out, shape[1] * layer.groups
    elif isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = n_out, n_in
    elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.InstanceNorm2d):
        layer.num_features = n_out
    elif isinstance(layer, nn.LayerNorm):
        layer.normalized_shape = tuple(shape)
    elif isinstance(layer, nn.PReLU):
        layer.num_parameters = n_out
    for key, held in own.items():
        if key in layer._parameters:
            layer._parameters[key] = nn.Parameter(torch.empty_like(held))
        else:
            layer._buffers[key] = torch.empty_like(held)
