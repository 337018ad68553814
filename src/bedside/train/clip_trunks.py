"""Trunks of clip networks: a chain of blocks that turns one frame into a small map of features."""

from collections.abc import Sequence

import torch
from torch import nn

from bedside.train.architecture import Architecture
from bedside.train.blocks import conv_bn, round_channels

LITE0_PX = 64
"""Frames from this side on are seen by the first stages of EfficientNet-Lite0, which have ImageNet weights."""

_LITE0_STAGES = {1.0: 5, 2.0: 6}
"""Width to stages kept: five end in 112 channels at a sixteenth of the side (0.6 MB in int8), six in 192 (2.4 MB)."""
_OWN_STAGES = ((24, 2, 2), (40, 2, 2), (64, 2, 2))
"""Channels, blocks and stride of our own trunk at width 1."""
_EXPANSION = 3


class TrunkBlock(nn.Module):
    """A body, and a link around it where the shapes allow one."""

    def __init__(self, body: nn.Module, n_in: int, *, has_link: bool) -> None:
        super().__init__()
        self.body = body
        self.n_in = n_in
        self.has_link = has_link

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H', W')``."""
        return self.body(features) + features if self.has_link else self.body(features)


class Trunk(nn.Module):
    """Stem and blocks: frames ``(N, C, H, W)`` to maps ``(N, n_out, h, w)``.

    Parameters
    ----------
    n_out
        Channels of the last map.
    n_early
        Blocks before the late ones: late blocks may look back in time, and a frozen start keeps the early ones.
    """

    def __init__(self, stem: nn.Module, blocks: Sequence[TrunkBlock], n_out: int, n_early: int) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.ModuleList(blocks)
        self.n_out = n_out
        self.n_early = n_early

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return the last map."""
        return self.late(self.early(frames))

    def early(self, frames: torch.Tensor) -> torch.Tensor:
        """Return the map after the first `n_early` blocks."""
        features = self.stem(frames)
        for block in self.blocks[: self.n_early]:
            features = block(features)
        return features

    def late(self, features: torch.Tensor) -> torch.Tensor:
        """Go on from `early`."""
        for block in self.blocks[self.n_early :]:
            features = block(features)
        return features


def trunk_for(architecture: Architecture) -> Trunk:
    """Lite0's first stages for frames of 64 px or more at width 1 or 2; our own inverted bottlenecks otherwise."""
    if architecture.spec.height_px >= LITE0_PX and architecture.width in _LITE0_STAGES:
        return _lite0_trunk(architecture, _LITE0_STAGES[architecture.width])
    return _own_trunk(architecture)


def _lite0_trunk(architecture: Architecture, n_stages: int) -> Trunk:
    from dataclasses import replace

    from bedside.train.timm_networks import efficientnet_lite

    whole = efficientnet_lite(replace(architecture, family="tf_efficientnet_lite0", width=1.0))
    stages = [list(stage) for stage in list(whole.blocks)[:n_stages]]  # type: ignore[arg-type]
    blocks = [_of_timm(block) for stage in stages for block in stage]
    n_out = [m for m in blocks[-1].modules() if isinstance(m, nn.Conv2d)][-1].out_channels
    stem = nn.Sequential(whole.conv_stem, whole.bn1)  # type: ignore[arg-type]
    return Trunk(stem, blocks, n_out, n_early=sum(len(stage) for stage in stages[:4]))


def _of_timm(block: nn.Module) -> TrunkBlock:
    """The layers of a Lite0 block in their order, without the identities between them."""
    names = ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3")
    if not hasattr(block, "conv_pwl"):  # the first block does not expand
        names = ("conv_dw", "bn1", "conv_pw", "bn2")
    layers = [getattr(block, name) for name in names]
    return TrunkBlock(nn.Sequential(*layers), layers[0].in_channels, has_link=bool(block.has_skip))


def _own_trunk(architecture: Architecture) -> Trunk:
    """Inverted bottlenecks (Sandler et al., CVPR 2018): three halvings beyond the stem for 64 px, fewer for less."""
    n_in = round_channels(16 * architecture.width)
    stem_stride = 2 if architecture.spec.height_px >= 32 else 1
    stem, blocks = conv_bn(architecture.spec.n_channels, n_in, 3, stem_stride), []
    for channels, depth, stage_stride in _OWN_STAGES:
        n_out = round_channels(channels * architecture.width)
        for j in range(depth):
            stride = stage_stride if j == 0 else 1
            n_wide = n_in * _EXPANSION
            body = nn.Sequential(
                conv_bn(n_in, n_wide, 1),
                conv_bn(n_wide, n_wide, 3, stride, groups=n_wide),
                conv_bn(n_wide, n_out, 1, active=False),
            )
            blocks.append(TrunkBlock(body, n_in, has_link=stride == 1 and n_in == n_out))
            n_in = n_out
    return Trunk(stem, blocks, n_in, n_early=_OWN_STAGES[0][1])
