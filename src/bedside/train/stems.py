"""Strides that suit the input: a network drawn for 224 px must not shrink 28 px to nothing."""

import math

from torch import nn

FINAL_MAP_PX = 4
"""Side of the last feature map that small inputs are given."""


def n_strides_for(input_px: int) -> int:
    """How many halvings leave a last map of about `FINAL_MAP_PX`."""
    return max(1, min(5, round(math.log2(max(input_px, FINAL_MAP_PX * 2) / FINAL_MAP_PX))))


def suit_strides(model: nn.Module, input_px: int) -> nn.Module:
    """Set the first strided convolutions to stride 1 until `n_strides_for(input_px)` are left; changes `model`.

    Only for families whose strided blocks have no parallel branch (MobileNet, EfficientNet, MNASNet).
    """
    strided = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d) and max(layer.stride) > 1]
    surplus = max(0, len(strided) - n_strides_for(input_px))
    for layer in strided[:surplus]:
        layer.stride = (1, 1)
    return model
