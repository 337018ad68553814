"""Attention for light blocks, in forms that int8 carries: hard gates, and operators that quantizers know."""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from bedside.train.blind import BlindConv, BlindNorm
from bedside.train.blocks import ChannelGate
from bedside.train.coordinate_attention import CoordinateGate
from bedside.train.halves import writing_halves


class EfficientGate(nn.Module):
    """ECA: each channel's gate follows from the means of its neighbours (Wang et al., CVPR 2020, equation 9).

    One kernel of ``k`` taps slides along the channels; ``k`` is the odd number at ``(log2 C + 1) / 2``, at least 3.
    It is written as a 2D convolution over ``(N, 1, C, 1)``, since LiteRT's int8 kernels know no 1D one.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        taps = int(abs(math.log2(n_channels) + 1) / 2)
        n_taps = max(3, taps if taps % 2 else taps + 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.mix = BlindConv(1, 1, (n_taps, 1), padding=(n_taps // 2, 0), bias=False)
        self.gate = nn.Hardsigmoid()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scale each channel of ``(N, C, H, W)``."""
        n, n_channels = features.shape[:2]
        mixed = self.mix(self.pool(features).reshape(n, 1, n_channels, 1))
        return features * self.gate(mixed.reshape(n, n_channels, 1, 1))


class ConvolutionalGate(nn.Module):
    """CBAM: a gate for channels from mean and maximum, then one for places (Woo et al., ECCV 2018).

    Means and maxima are pools, of each place's channels too, which stand last for that: pools stay in int8, where
    reductions to a maximum are left in float by AI Edge Quantizer and are unknown to XNNPACK's int8. Mean and maximum
    pass the shared layers side by side, as two places of one map, and are averaged, not added: XNNPACK refuses an int8
    layer that is used twice.
    """

    def __init__(self, n_channels: int, reduction: int = 4, place_kernel_px: int = 7) -> None:
        super().__init__()
        n_hidden = max(4, n_channels // reduction)
        self.reduce = nn.Conv2d(n_channels, n_hidden, 1)
        self.act = nn.ReLU(inplace=True)
        self.expand = nn.Conv2d(n_hidden, n_channels, 1)
        self.place = BlindConv(2, 1, place_kernel_px, padding=place_kernel_px // 2, bias=False)
        self.norm = BlindNorm(1)
        self.gate = nn.Hardsigmoid()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scale each channel, then each place, of ``(N, C, H, W)``."""
        mean = functional.adaptive_avg_pool2d(features, 1)
        most = functional.max_pool2d(features, list(features.shape[2:]))
        seen = torch.cat([mean, most], dim=3)
        mixed = self.expand(self.act(self.reduce(seen)))
        features = features * self.gate(functional.avg_pool2d(mixed, [1, 2]))
        return features * self.gate(self.norm(self.place(_mean_and_most(features))))


def _mean_and_most(features: torch.Tensor) -> torch.Tensor:
    """Mean and maximum over the channels of each place, ``(N, 2, H, W)``."""
    last = features.permute(0, 2, 3, 1)
    window = [1, int(features.shape[1])]
    both = [functional.avg_pool2d(last, window), functional.max_pool2d(last, window)]
    return torch.cat([pooled.permute(0, 3, 1, 2) for pooled in both], dim=1)


_GATES: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda n_channels: nn.Identity(),
    "se": ChannelGate,
    "eca": EfficientGate,
    "cbam": ConvolutionalGate,
    "coord": CoordinateGate,
}


def attention_of(kind: str, n_channels: int, *, halves: bool = False) -> nn.Module:
    """Build a gate of a kind of `bedside.train.genome.ATTENTIONS`; `halves` as in `bedside.train.halves`."""
    gate = _GATES[kind](n_channels)
    if halves:
        for layer in gate.modules():
            if isinstance(layer, nn.Conv2d) and n_channels in (layer.in_channels, layer.out_channels):
                writing_halves(layer, reads=layer.in_channels == n_channels, writes=layer.out_channels == n_channels)
    return gate
