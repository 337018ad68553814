"""A light classifier of volumes, of the blocks of the light 3-D U-Net."""

import torch
from torch import nn

from bedside.train.architecture import Architecture
from bedside.train.blocks import Head, round_channels
from bedside.train.volume_blocks import Factored, Halve

_CHANNELS = (32, 64, 128)
"""At the half, quarter and eighth of each side; times the width."""


class Net3d(nn.Module):
    """Three halvings, two factored blocks after each, global average, linear."""

    def __init__(self, n_channels: int, n_classes: int, width: float = 1.0) -> None:
        super().__init__()
        sizes = [n_channels, *(round_channels(n * width) for n in _CHANNELS)]
        self.stages = nn.ModuleList(
            nn.Sequential(Halve(a, b), Factored(b, b), Factored(b, b))
            for a, b in zip(sizes, sizes[1:], strict=False)  # noqa: RUF007 - a list of modules, not of pairs
        )
        self.head = Head(sizes[-1], n_classes)

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, D, H, W)`` to logits ``(N, K)``; D, H and W are multiples of 8."""
        features = volume.permute(0, 2, 3, 4, 1)
        for stage in self.stages:
            features = stage(features)
        n, depth, height, width, channels = features.shape
        return self.head(features.reshape(n, depth, height * width, channels).permute(0, 3, 1, 2))


def net3d(architecture: Architecture) -> nn.Module:
    """Build ``net3d`` at the width of `architecture`."""
    return Net3d(architecture.spec.n_channels, architecture.n_classes, architecture.width)
