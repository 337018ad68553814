"""Blocks that our own small networks share; each survives int8: ReLU6 ranges, hard gates, batch norm that folds."""

from collections.abc import Callable

import torch
from torch import nn


def conv_bn(
    n_in: int, n_out: int, kernel_px: int = 3, stride: int = 1, groups: int = 1, *, active: bool = True,
    activation: Callable[..., nn.Module] = nn.ReLU6,
) -> nn.Sequential:  # fmt: skip
    """Convolution, batch norm and (if `active`) an activation."""
    layers: list[nn.Module] = [
        nn.Conv2d(n_in, n_out, kernel_px, stride, kernel_px // 2, groups=groups, bias=False),
        nn.BatchNorm2d(n_out),
    ]
    if active:
        layers.append(activation(inplace=True))
    return nn.Sequential(*layers)


class ChannelGate(nn.Module):
    """Squeeze-and-excitation (Hu et al., CVPR 2018) with a hard sigmoid, which int8 represents exactly."""

    def __init__(self, n_channels: int, reduction: int = 4) -> None:
        super().__init__()
        n_hidden = max(4, n_channels // reduction)
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(n_channels, n_hidden, 1)
        self.expand = nn.Conv2d(n_hidden, n_channels, 1)
        self.act = nn.ReLU(inplace=True)
        self.gate = nn.Hardsigmoid()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scale each channel of ``(N, C, H, W)``."""
        return features * self.gate(self.expand(self.act(self.reduce(self.squeeze(features)))))


class Head(nn.Module):
    """Global average, dropout, linear: ``(N, C, H, W)`` to logits ``(N, K)``."""

    def __init__(self, n_channels: int, n_classes: int, dropout_prob: float = 0.1) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout_prob)
        self.linear = nn.Linear(n_channels, n_classes)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        return self.linear(self.dropout(self.pool(features).flatten(1)))


def round_channels(n: float, divisor: int = 8) -> int:
    """Nearest multiple of `divisor`, at least one of it: what vector units like."""
    return max(divisor, int(n + divisor / 2) // divisor * divisor)
