"""A small residual network (He et al., CVPR 2016) with three stages and dense 3x3 convolutions."""

import torch
from torch import nn

from bedside.train.architecture import Architecture
from bedside.train.blocks import Head, conv_bn, round_channels
from bedside.train.stems import n_strides_for

_CHANNELS = (32, 48, 80, 112)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a link past them."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv_bn(n_in, n_out, 3, stride), conv_bn(n_out, n_out, 3, active=False))
        same = stride == 1 and n_in == n_out
        self.link = nn.Identity() if same else conv_bn(n_in, n_out, 1, stride, active=False)
        self.act = nn.ReLU6(inplace=True)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H/stride, W/stride)``."""
        return self.act(self.body(features) + self.link(features))


def residual_network(architecture: Architecture) -> nn.Module:
    """One basic block a stage; more stages for larger inputs."""
    n_stages = max(2, n_strides_for(architecture.spec.height_px))
    channels = [round_channels(_CHANNELS[min(i, 3)] * architecture.width) for i in range(n_stages)]
    layers: list[nn.Module] = [conv_bn(architecture.spec.n_channels, channels[0], 3, 2)]
    n_in = channels[0]
    for i, n_out in enumerate(channels):
        layers.append(BasicBlock(n_in, n_out, stride=1 if i == 0 else 2))
        n_in = n_out
    return nn.Sequential(*layers, Head(n_in, architecture.n_classes))
