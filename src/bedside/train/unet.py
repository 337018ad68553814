"""Light U-Nets (Ronneberger et al., MICCAI 2015): an encoder of mobile blocks, a decoder of separable ones."""

from collections.abc import Sequence

import torch
from torch import nn

from bedside.base.errors import PluginError
from bedside.train.architecture import Architecture
from bedside.train.blocks import conv_bn, round_channels
from bedside.train.decoder import Decoder, DecoderOptions
from bedside.train.stems import n_strides_for
from bedside.train.timm_networks import lite0_stages

_LITE0_DEPTHS = {1.0: 4, 0.75: 2, 0.5: 1, 0.25: 0}
"""Width of the decoder, and how many blocks of Lite0's sixth stage are kept: pretrained channels cannot be halved."""

_MOBILE = ((16, 1, 1), (24, 2, 4), (40, 2, 4), (80, 3, 4), (128, 2, 4))
"""Channels, blocks and expansion of the own encoder's stages; each halves the map."""


class UNet(nn.Module):
    """Stages of an encoder, each giving a map, and the decoder that reads them.

    Parameters
    ----------
    stages
        Modules in order; the output of each is a skip, the last one the bottom.
    n_maps
        Channels of those outputs.
    """

    def __init__(
        self, stages: Sequence[nn.Module], n_maps: Sequence[int], n_classes: int, width: float, options: DecoderOptions
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.decoder = Decoder(n_maps, n_classes, width, options)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``(N, C, H, W)`` to logits ``(N, K, H, W)``."""
        maps, features = [], images
        for stage in self.stages:
            features = stage(features)
            maps.append(features)
        return self.decoder(maps, images.shape[2], images.shape[3])


def unet_lite0(architecture: Architecture) -> nn.Module:
    """EfficientNet-Lite0 encoder, with its ImageNet weights where `pretrained` asks for them.

    ``unet_lite0:attention``, ``unet_lite0:residual`` and ``unet_lite0:attention+residual`` add what they name.
    """
    if architecture.width not in _LITE0_DEPTHS:
        raise PluginError(
            f"unet_lite0 has no width {architecture.width:g}",
            expected="one of " + ", ".join(f"{width:g}" for width in _LITE0_DEPTHS),
        )
    stages, n_maps = lite0_stages(architecture, n_last_blocks=_LITE0_DEPTHS[architecture.width])
    return UNet(stages, n_maps, architecture.n_classes, architecture.width, options_of(architecture.family))


def unet_mobile(architecture: Architecture) -> nn.Module:
    """Inverted bottlenecks (Sandler et al., CVPR 2018) from scratch at any width, as deep as the input is large."""
    n_stages = max(3, min(len(_MOBILE), n_strides_for(architecture.spec.height_px) + 1))
    n_in = round_channels(16 * architecture.width)
    first: list[nn.Module] = [conv_bn(architecture.spec.n_channels, n_in, 3, 2)]
    stages, n_maps = [], []
    for i, (n, depth, expansion) in enumerate(_MOBILE[:n_stages]):
        n_out = round_channels(n * architecture.width)
        layers = first if i == 0 else []
        for j in range(depth):
            layers.append(InvertedBottleneck(n_in, n_out, 2 if i > 0 and j == 0 else 1, expansion))
            n_in = n_out
        stages.append(nn.Sequential(*layers))
        n_maps.append(n_out)
    return UNet(stages, n_maps, architecture.n_classes, architecture.width, options_of(architecture.family))


class InvertedBottleneck(nn.Module):
    """Expand 1x1, depthwise 3x3, project 1x1; linked past itself where the shapes allow."""

    def __init__(self, n_in: int, n_out: int, stride: int, expansion: int) -> None:
        super().__init__()
        n_wide = n_in * expansion
        widen = [conv_bn(n_in, n_wide, 1)] if expansion > 1 else []
        self.body = nn.Sequential(
            *widen, conv_bn(n_wide, n_wide, 3, stride, groups=n_wide), conv_bn(n_wide, n_out, 1, active=False)
        )
        self.has_link = stride == 1 and n_in == n_out

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H/stride, W/stride)``."""
        changed = self.body(features)
        return changed + features if self.has_link else changed


def options_of(family: str) -> DecoderOptions:
    """Options behind the colon of a family's name.

    Raises
    ------
    PluginError
        For a word that is none.
    """
    words = [word for word in family.partition(":")[2].split("+") if word]
    if strange := [word for word in words if word not in ("attention", "residual")]:
        raise PluginError(
            f"a U-Net with {', '.join(strange)}", expected="attention, residual or attention+residual",
            hint=f"such as {family.partition(':')[0]}:attention",
        )  # fmt: skip
    return DecoderOptions(attention="attention" in words, residual="residual" in words)
