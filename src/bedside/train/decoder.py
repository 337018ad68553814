"""The light half of a U-Net: depthwise-separable blocks that add their skips, so that int8 needs one scale a sum."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from bedside.train.blocks import conv_bn, round_channels


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderOptions:
    """What a decoder has beyond its plain form.

    Parameters
    ----------
    attention
        Gates on the skips (Oktay et al., MIDL 2018).
    residual
        A second block at each level, linked past itself (Zhang et al., IEEE GRSL 2018).
    """

    attention: bool = False
    residual: bool = False


class SkipGate(nn.Module):
    """Weight each place of a skip by what the deeper level says of it (Oktay et al., "Attention U-Net", MIDL 2018)."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        n_hidden = max(4, n_channels // 2)
        self.of_skip = conv_bn(n_channels, n_hidden, 1, active=False)
        self.of_deep = conv_bn(n_channels, n_hidden, 1, active=False)
        self.act = nn.ReLU6(inplace=True)
        self.weigh = nn.Conv2d(n_hidden, 1, 1)

    def forward(self, skip: torch.Tensor, deep: torch.Tensor) -> torch.Tensor:
        """Scale ``(N, C, H, W)`` by a map in 0-1."""
        return skip * torch.sigmoid(self.weigh(self.act(self.of_skip(skip) + self.of_deep(deep))))


class SeparableBlock(nn.Module):
    """Depthwise 3x3, pointwise 1x1; linked past itself where asked."""

    def __init__(self, n_channels: int, *, linked: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(n_channels, n_channels, 3, groups=n_channels), conv_bn(n_channels, n_channels, 1, active=not linked)
        )
        self.linked = linked

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to the same shape."""
        changed = self.body(features)
        return functional.relu6(changed + features) if self.linked else changed


class UpBlock(nn.Module):
    """Twice the size (bilinear), the skip added, one or two separable blocks."""

    def __init__(self, n_deep: int, n_skip: int, n_out: int, options: DecoderOptions) -> None:
        super().__init__()
        self.from_deep = conv_bn(n_deep, n_out, 1)
        self.from_skip = conv_bn(n_skip, n_out, 1)
        self.gate = SkipGate(n_out) if options.attention else None
        blocks = [SeparableBlock(n_out)] + [SeparableBlock(n_out, linked=True)] * int(options.residual)
        self.blocks = nn.Sequential(*blocks)

    def forward(self, deep: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """``(N, C, h, w)`` and its skip ``(N, C', H, W)`` to ``(N, C'', H, W)``."""
        up = enlarged(self.from_deep(deep), skip.shape[2], skip.shape[3])
        side = self.from_skip(skip)
        if self.gate is not None:
            side = self.gate(side, up)
        return self.blocks(up + side)


class Decoder(nn.Module):
    """From the maps of an encoder, finest first, to logits of the input's size ``(N, K, H, W)``."""

    def __init__(self, n_maps: Sequence[int], n_classes: int, width: float, options: DecoderOptions) -> None:
        super().__init__()
        n_deep, levels = n_maps[-1], []
        for level in range(len(n_maps) - 2, -1, -1):
            n_out = round_channels(width * 24 * 2 ** min(level, 2))
            levels.append(UpBlock(n_deep, n_maps[level], n_out, options))
            n_deep = n_out
        self.levels = nn.ModuleList(levels)
        self.logits = nn.Conv2d(n_deep, n_classes, 1)

    def forward(self, maps: Sequence[torch.Tensor], height: int, width: int) -> torch.Tensor:
        """Return logits; classes are told apart at half the input's size, which is then doubled."""
        deep = maps[-1]
        for level, skip in zip(self.levels, reversed(maps[:-1]), strict=True):
            deep = level(deep, skip)
        return enlarged(self.logits(deep), height, width)


def enlarged(features: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resize bilinearly with half-pixel centres, the one form that every runtime computes alike."""
    return functional.interpolate(features, size=(height, width), mode="bilinear", align_corners=False)
