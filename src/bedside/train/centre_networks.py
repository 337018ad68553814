"""Anchor-free detectors: a light backbone, a feature pyramid up to a quarter of the input, a convolution of maps."""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from bedside.base.errors import ShapeError
from bedside.runtime.box_maps import BOX_CHANNELS, STRIDE_PX
from bedside.train.architecture import Architecture
from bedside.train.blocks import conv_bn, round_channels
from bedside.train.depthwise import GatedBottleneck

_COARSEST_PX = 16
_PYRAMID_CHANNELS = 64
_PRIOR_PROB = 0.02
"""Heat of every cell before training (Lin et al., ICCV 2017, section 4.1): most cells hold no centre."""


def separable(n: int) -> nn.Sequential:
    """Depthwise 3x3, then pointwise 1x1; ``(N, n, h, w)`` to the same shape."""
    return nn.Sequential(conv_bn(n, n, 3, groups=n), conv_bn(n, n, 1))


class CentreNetwork(nn.Module):
    """``(N, C, H, W)`` to maps ``(N, K + 4, H/4, W/4)``; see `bedside.runtime.box_maps`.

    Parameters
    ----------
    stages
        Backbone in three parts, with strides of 4, 8 and 16 against the input.
    n_channels
        Channels that each part gives.
    n_pyramid
        Channels of the pyramid (Lin et al., CVPR 2017), whose convolutions are depthwise separable.
    first_is_fixed
        Whether the first part keeps its weights and statistics while the rest is fitted: edges and colours are what
        ImageNet taught best, and a third of the cost of a step is theirs.
    """

    def __init__(
        self, stages: Sequence[nn.Module], n_channels: Sequence[int], n_pyramid: int, n_classes: int, *,
        first_is_fixed: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.first_is_fixed = first_is_fixed
        self.stages[0].requires_grad_(not first_is_fixed)
        self.laterals = nn.ModuleList([conv_bn(n, n_pyramid, 1, active=False) for n in n_channels])
        self.merges = nn.ModuleList([separable(n_pyramid) for _ in n_channels])
        self.tower = nn.Sequential(separable(n_pyramid), separable(n_pyramid))
        self.maps = nn.Conv2d(n_pyramid, n_classes + BOX_CHANNELS, 1)
        nn.init.normal_(self.maps.weight, std=0.01)
        nn.init.zeros_(self.maps.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.maps.bias[:n_classes] = math.log(_PRIOR_PROB / (1 - _PRIOR_PROB))  # type: ignore[index]

    def train(self, mode: bool = True) -> "CentreNetwork":
        """Enter training or evaluation mode; a fixed first part stays in evaluation mode."""
        super().train(mode)
        if self.first_is_fixed:
            self.stages[0].eval()
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the maps."""
        features = []
        for stage in self.stages:
            images = stage(images)
            features.append(images)
        merged = None
        for feature, lateral, merge in zip(
            reversed(features), reversed(self.laterals), reversed(self.merges), strict=True
        ):
            side = lateral(feature)
            if merged is not None:
                side = side + functional.interpolate(merged, scale_factor=2.0, mode="nearest")
            merged = merge(side)
        return self.maps(self.tower(merged))


def centre_lite0(architecture: Architecture) -> nn.Module:
    """EfficientNet-Lite0 down to a stride of 16 (0.7 M weights) under a pyramid; wide objects need no coarser map."""
    from bedside.train.timm_networks import lite0_stages

    _check_sides(architecture)
    (half, quarter, *deeper), (_, *n_channels) = lite0_stages(architecture, n_last_blocks=0)
    n_pyramid = round_channels(_PYRAMID_CHANNELS * architecture.width)
    return CentreNetwork(
        [nn.Sequential(half, quarter), *deeper], n_channels, n_pyramid, architecture.n_classes,
        first_is_fixed=architecture.pretrained,
    )  # fmt: skip


def centre_depthwise(architecture: Architecture) -> nn.Module:
    """Inverted bottlenecks of our own under a pyramid, at any width; weights start at random."""
    _check_sides(architecture)
    n1, n2, n3, n4 = (round_channels(n * architecture.width) for n in (16, 24, 40, 80))
    stages = [
        nn.Sequential(conv_bn(architecture.spec.n_channels, n1, 3, 2), _bottleneck(n1, n2, 2), _bottleneck(n2, n2, 1)),
        nn.Sequential(_bottleneck(n2, n3, 2), _bottleneck(n3, n3, 1)),
        nn.Sequential(_bottleneck(n3, n4, 2), _bottleneck(n4, n4, 1), _bottleneck(n4, n4, 1)),
    ]
    n_pyramid = round_channels(_PYRAMID_CHANNELS * architecture.width)
    return CentreNetwork(stages, (n2, n3, n4), n_pyramid, architecture.n_classes)


def _bottleneck(n_in: int, n_out: int, stride: int) -> nn.Module:
    return GatedBottleneck(n_in, n_out, stride, gated=False)


def _check_sides(architecture: Architecture) -> None:
    sides = (architecture.spec.height_px, architecture.spec.width_px)
    if any(side % _COARSEST_PX for side in sides):
        raise ShapeError(
            f"a detector with an input of {sides[0]} x {sides[1]} px",
            expected=f"sides that are multiples of {_COARSEST_PX} px, for maps of one cell in {STRIDE_PX} px",
            hint=f"ask for {' x '.join(str(-(-side // _COARSEST_PX) * _COARSEST_PX) for side in sides)} px",
        )
