"""Batch norm becomes part of the layer before it, as every converter does: the weights that will really be rounded."""

from collections import OrderedDict
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from bedside.base.task import TensorSpec
from bedside.compress.wiring import wiring_of

if TYPE_CHECKING:
    from torch import nn


def folded(model: "nn.Module", spec: TensorSpec) -> "nn.Module":
    """Return a copy in evaluation mode in which batch norms are folded into the convolution or linear layer before.

    ``W' = W gamma / sigma`` and ``b' = beta + (b - mu) gamma / sigma`` (Jacob et al., CVPR 2018, section 3.2). Every
    path stays: where a batch norm was stands an identity (or the activation that it held, as in timm). Batch norms
    that no single layer feeds, and those of transposed convolutions in groups, are left.

    Raises
    ------
    TraceError
        If the network cannot be captured.
    """
    wiring = wiring_of(model, spec)
    copy = deepcopy(model).eval()
    for node, path in wiring.layer_of.items():
        reader = wiring.only_reader(node)
        if reader is None or wiring.kind(reader) != "batch_norm" or reader not in wiring.layer_of:
            continue
        layer, norm = copy.get_submodule(path), copy.get_submodule(wiring.layer_of[reader])
        if _foldable(layer, norm):
            _fold(layer, norm)
            _replace(copy, wiring.layer_of[reader], _without_norm(norm))
    return copy


def _foldable(layer: Any, norm: Any) -> bool:
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm

    if not isinstance(norm, _BatchNorm) or norm.running_mean is None or norm.weight is None:
        return False
    if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        return layer.groups == 1
    return isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear)


def _fold(layer: Any, norm: Any) -> None:
    import torch
    from torch import nn

    with torch.no_grad():
        factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        axis = 1 if getattr(layer, "transposed", False) else 0
        shape = [-1 if i == axis else 1 for i in range(layer.weight.ndim)]
        bias_vector = torch.zeros_like(norm.running_mean) if layer.bias is None else layer.bias
        layer.weight = nn.Parameter((layer.weight * factor.reshape(shape)).to(layer.weight.dtype))
        layer.bias = nn.Parameter(norm.bias + (bias_vector - norm.running_mean) * factor)


def _without_norm(norm: Any) -> "nn.Module":
    """What is left of a batch norm layer: nothing, or the dropout and activation that some libraries put inside."""
    from torch import nn

    kept = [(name, child) for name, child in norm.named_children() if not isinstance(child, nn.Identity)]
    return nn.Sequential(OrderedDict(kept)) if kept else nn.Identity()


def _replace(model: Any, path: str, new: "nn.Module") -> None:
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, new)
