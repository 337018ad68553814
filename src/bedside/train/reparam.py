"""Blocks trained as several branches and shipped as one convolution."""

from copy import deepcopy
from typing import Any

from torch import nn


def is_wide(model: nn.Module) -> bool:
    """Whether any layer can be folded: it has a method `reparameterize`, as timm's RepVGG and MobileOne blocks have."""
    return any(callable(getattr(layer, "reparameterize", None)) for layer in model.modules())


def thinned(model: nn.Module) -> nn.Module:
    """Fold parallel branches into one convolution each (Ding et al., CVPR 2021, section 3.3).

    A convolution and its batch norm with fixed statistics are one convolution with a bias; a 1x1 kernel is a larger one
    with zeros around it, and an identity a 1x1 kernel of ones and zeros; convolutions of the same input add up. The
    result computes what the model in evaluation mode does. A model without such layers is returned as it is; others
    survive, in a copy that is thinned. Weights files keep the wide form, which can be trained and pruned further;
    files that ship hold the thin one.
    """
    if not is_wide(model):
        return model
    thin = deepcopy(model).eval()
    for layer in thin.modules():
        if callable(getattr(layer, "reparameterize", None)):
            _fold(layer)
    return thin.requires_grad_(False)


def _fold(layer: Any) -> None:
    # timm's blocks remember the groups that they were built with; pruning and loading change those of the convolutions
    convs = [inner for inner in layer.modules() if isinstance(inner, nn.Conv2d)]
    if convs and hasattr(layer, "groups"):
        layer.groups = convs[0].groups
    layer.reparameterize()
