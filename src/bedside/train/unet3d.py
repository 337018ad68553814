"""A light 3-D U-Net (Çiçek et al., MICCAI 2016; Isensee et al., Nat. Methods 2021) of factored convolutions."""

from itertools import pairwise

import torch
from torch import nn

from bedside.train.architecture import Architecture
from bedside.train.blocks import round_channels
from bedside.train.volume_blocks import Factored, Halve, Joined, PlaneConv, Unfold, doubled

_CHANNELS = (32, 64, 96)
"""At the half, quarter and eighth of each side; times the width."""


class UNet3d(nn.Module):
    """Encoder and decoder with a link at each size; nothing is computed at the full size, where most voxels are.

    The stem folds eight voxels into the channels of one, and the head unfolds eight: a voxel keeps its own logits, at
    an eighth of the work.

    Parameters
    ----------
    n_channels, n_classes
        Of the volume and of the logits.
    width
        Multiplier of the channels.
    """

    def __init__(self, n_channels: int, n_classes: int, width: float = 1.0) -> None:
        super().__init__()
        sizes = tuple(round_channels(n * width) for n in _CHANNELS)
        pairs = list(pairwise(sizes))
        self.stem = Halve(n_channels, sizes[0])
        self.encode = nn.ModuleList(Factored(n, n) for n in sizes)
        self.downs = nn.ModuleList(Halve(a, b) for a, b in pairs)
        self.deepest = Factored(sizes[-1], sizes[-1])
        self.lift = nn.ModuleList(PlaneConv(b, a, 1) for a, b in pairs)
        self.decode = nn.ModuleList(nn.Sequential(Factored(2 * a, a), Factored(a, a)) for a, _ in pairs)
        self.join = Joined()
        self.head = Unfold(sizes[0], n_classes)

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, D, H, W)`` to logits ``(N, K, D, H, W)``; D, H and W are multiples of 8."""
        features = self.encode[0](self.stem(volume.permute(0, 2, 3, 4, 1)))
        kept = [features]
        for down, encode in zip(self.downs, self.encode[1:], strict=True):
            features = encode(down(features))
            kept.append(features)
        features = self.deepest(features)
        for level in range(len(self.downs) - 1, -1, -1):
            raised = doubled(self.lift[level](features))
            features = self.decode[level](self.join(raised, kept[level]))
        return self.head(features).permute(0, 4, 1, 2, 3)


def unet3d(architecture: Architecture) -> nn.Module:
    """Build ``unet3d`` at the width of `architecture`."""
    return UNet3d(architecture.spec.n_channels, architecture.n_classes, architecture.width)
