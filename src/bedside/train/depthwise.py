"""Inverted bottlenecks (Sandler et al., CVPR 2018) with a light channel gate in every stage's last block."""

import torch
from torch import nn

from bedside.train.architecture import Architecture
from bedside.train.blocks import ChannelGate, Head, conv_bn, round_channels
from bedside.train.stems import n_strides_for

_STAGES = ((24, 2), (40, 2), (64, 2), (96, 2), (128, 1))
_EXPANSION = 3


class GatedBottleneck(nn.Module):
    """Expand 1x1, depthwise 3x3, gate, project 1x1; linked where the shapes allow."""

    def __init__(self, n_in: int, n_out: int, stride: int, *, gated: bool) -> None:
        super().__init__()
        n_wide = n_in * _EXPANSION
        layers: list[nn.Module] = [conv_bn(n_in, n_wide, 1), conv_bn(n_wide, n_wide, 3, stride, groups=n_wide)]
        if gated:
            layers.append(ChannelGate(n_wide))
        self.body = nn.Sequential(*layers, conv_bn(n_wide, n_out, 1, active=False))
        self.has_link = stride == 1 and n_in == n_out

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H/stride, W/stride)``."""
        changed = self.body(features)
        return changed + features if self.has_link else changed


def depthwise_network(architecture: Architecture) -> nn.Module:
    """As many stages as the input has halvings, and at least three."""
    n_strides = n_strides_for(architecture.spec.height_px)
    n_in = round_channels(16 * architecture.width)
    layers: list[nn.Module] = [conv_bn(architecture.spec.n_channels, n_in, 3, 2)]
    for i, (n, depth) in enumerate(_STAGES[: max(3, n_strides)]):
        n_out = round_channels(n * architecture.width)
        for j in range(depth):
            stride = 2 if j == 0 and i + 2 <= n_strides else 1
            layers.append(GatedBottleneck(n_in, n_out, stride, gated=j == depth - 1))
            n_in = n_out
    n_last = round_channels(160 * architecture.width)
    return nn.Sequential(*layers, conv_bn(n_in, n_last, 1), Head(n_last, architecture.n_classes))
