"""Recursive depthwise stages: one block is applied several times, each time with a norm and a kernel of its own.

What is heavy in a light block are its two pointwise convolutions; these are shared (Savarese & Maire, "Learning
implicitly recurrent CNNs through parameter sharing", ICLR 2019). No norm stands behind them: a norm is folded into the
convolution before it when a model is exported, and pointwise weights with a norm for each use would be written once for
each. So each use's norm stands behind its depthwise kernel, which is small, as in ConvNeXt (Liu et al., CVPR 2022); its
own kernels then cost no more in the file than shared ones would.
"""

from collections.abc import Sequence

import torch
from torch import nn

from bedside.base.errors import PluginError
from bedside.train.architecture import Architecture
from bedside.train.blocks import Head, conv_bn, round_channels
from bedside.train.stems import n_strides_for

_STAGES = (24, 40, 64, 96, 128)
_EXPANSION = 3
USUAL_PASSES = 3


class Mixer(nn.Module):
    """The shared part: expand 1x1, ReLU6, project 1x1."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(n_channels, n_channels * _EXPANSION, 1)
        self.act = nn.ReLU6()
        self.project = nn.Conv2d(n_channels * _EXPANSION, n_channels, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to the same."""
        return self.project(self.act(self.expand(features)))


class RecursiveStage(nn.Module):
    """``x + mixer(norm_i(depthwise_i(x)))`` for each pass ``i``.

    Parameters
    ----------
    mixers
        One that every pass shares, or one a pass: the same network without sharing.
    """

    def __init__(self, n_channels: int, n_passes: int, mixers: Sequence[Mixer]) -> None:
        super().__init__()
        self.spaces = nn.ModuleList(
            conv_bn(n_channels, n_channels, 3, groups=n_channels, active=False) for _ in range(n_passes)
        )
        self.mixers = nn.ModuleList(mixers)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to the same."""
        for i, space in enumerate(self.spaces):
            features = features + self.mixers[i % len(self.mixers)](space(features))
        return features


def recursive_network(architecture: Architecture) -> nn.Module:
    """As many stages as the input has halvings, and at least three.

    ``recursive:4`` applies each stage's block four times; ``recursive:4+unshared`` is the same network with a block of
    its own for each time.
    """
    n_passes, is_shared = _options_of(architecture.family)
    n_strides = n_strides_for(architecture.spec.height_px)
    n_in = round_channels(16 * architecture.width)
    layers: list[nn.Module] = [conv_bn(architecture.spec.n_channels, n_in, 3, 2)]
    for i, n in enumerate(_STAGES[: max(3, n_strides)]):
        n_out = round_channels(n * architecture.width)
        stride = 2 if i + 2 <= n_strides else 1
        layers += [conv_bn(n_in, n_in, 3, stride, groups=n_in), conv_bn(n_in, n_out, 1)]
        mixers = [Mixer(n_out) for _ in range(1 if is_shared else n_passes)]
        layers.append(RecursiveStage(n_out, n_passes, mixers))
        n_in = n_out
    n_last = round_channels(160 * architecture.width)
    return nn.Sequential(*layers, conv_bn(n_in, n_last, 1), Head(n_last, architecture.n_classes))


def _options_of(family: str) -> tuple[int, bool]:
    passes, plus, word = family.partition(":")[2].partition("+")
    if (passes and not passes.isdecimal()) or passes == "0" or (plus and word != "unshared"):
        raise PluginError(
            f"no network {family!r}", expected="recursive, recursive:PASSES or recursive:PASSES+unshared",
            hint=f"such as recursive:{USUAL_PASSES}",
        )  # fmt: skip
    return int(passes or USUAL_PASSES), not plus
