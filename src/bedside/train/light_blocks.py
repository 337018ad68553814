"""The blocks of elastic networks, each with an attention gate: inverted, ghost, fire, rep, residual."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from bedside.train.attention import attention_of
from bedside.train.blocks import conv_bn, round_channels
from bedside.train.halves import writing_halves

_ACTIVATIONS: dict[str, Callable[..., nn.Module]] = {"relu6": nn.ReLU6, "relu": nn.ReLU, "hardswish": nn.Hardswish}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockShape:
    """What a block is built to.

    Parameters
    ----------
    linked
        Whether the input is added past the block; it then has the output's shape.
    reads_halves
        Whether the input's channels come in two halves (see `bedside.train.halves`).
    """

    n_in: int
    n_out: int
    stride: int
    kernel_px: int
    expansion: int
    attention: str
    activation: str
    linked: bool
    reads_halves: bool

    def layer(
        self, n_in: int, n_out: int, kernel_px: int = 1, stride: int = 1, groups: int = 1, *, active: bool = True
    ) -> nn.Sequential:
        """Convolution, batch norm and (if `active`) the activation."""
        act = _ACTIVATIONS[self.activation]
        return conv_bn(n_in, n_out, kernel_px, stride, groups, active=active, activation=act)

    def act(self) -> nn.Module:
        """The activation."""
        return _ACTIVATIONS[self.activation](inplace=True)


class InvertedBlock(nn.Module):
    """Expand 1x1, depthwise, gate, project 1x1 (Sandler et al., CVPR 2018)."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        n_wide = shape.n_in * shape.expansion
        self.linked = shape.linked
        self.expand = writing_halves(shape.layer(shape.n_in, n_wide), reads=shape.reads_halves, writes=False)
        self.spread = shape.layer(n_wide, n_wide, shape.kernel_px, shape.stride, groups=n_wide)
        self.attention = attention_of(shape.attention, n_wide)
        self.project = shape.layer(n_wide, shape.n_out, active=False)
        if shape.reads_halves and shape.linked:
            writing_halves(self.project)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H/stride, W/stride)``."""
        changed = self.project(self.attention(self.spread(self.expand(features))))
        return changed + features if self.linked else changed


class ResidualBlock(nn.Module):
    """Two dense convolutions and a link past them (He et al., CVPR 2016); a convolution where shapes differ."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        n_mid = round_channels(shape.n_out * shape.expansion / 4)
        read = {"reads": shape.reads_halves, "writes": False}
        self.first = writing_halves(shape.layer(shape.n_in, n_mid, shape.kernel_px, shape.stride), **read)
        self.second = shape.layer(n_mid, shape.n_out, shape.kernel_px, active=False)
        self.attention = attention_of(shape.attention, shape.n_out)
        self.link: nn.Module = nn.Identity()
        if not shape.linked:
            self.link = writing_halves(shape.layer(shape.n_in, shape.n_out, 1, shape.stride, active=False), **read)
        self.act = shape.act()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H/stride, W/stride)``."""
        return self.act(self.attention(self.second(self.first(features))) + self.link(features))


class FireBlock(nn.Module):
    """Squeeze 1x1, expand by 1x1 and a spatial kernel side by side (Iandola et al., arXiv:1602.07360), with a link."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        n_squeezed, half = round_channels(shape.n_out * shape.expansion / 24), shape.n_out // 2
        # Without a link the activation stands before the concatenation, where it fuses into the convolutions: AI Edge
        # Quantizer leaves a ReLU6 that stands alone in float. With a link it fuses into the addition.
        active = not shape.linked
        self.squeeze = writing_halves(shape.layer(shape.n_in, n_squeezed), reads=shape.reads_halves, writes=False)
        self.point = shape.layer(n_squeezed, half, 1, shape.stride, active=active)
        self.space = shape.layer(n_squeezed, half, shape.kernel_px, shape.stride, active=active)
        self.attention = attention_of(shape.attention, shape.n_out, halves=True)
        self.linked, self.act = shape.linked, shape.act() if shape.linked else nn.Identity()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H/stride, W/stride)``."""
        squeezed = self.squeeze(features)
        expanded = self.attention(torch.cat([self.point(squeezed), self.space(squeezed)], dim=1))
        return self.act(expanded + features) if self.linked else expanded


class GhostPair(nn.Module):
    """Half of the channels by 1x1, the other half from those by a cheap depthwise kernel (Han et al., CVPR 2020).

    As timm's GhostModule, without the slice that it ends in, which stays in exported files.
    """

    def __init__(self, shape: BlockShape, n_in: int, n_out: int, *, reads: bool, active: bool) -> None:
        super().__init__()
        half = n_out // 2
        self.primary = writing_halves(shape.layer(n_in, half, active=active), reads=reads, writes=False)
        self.cheap = shape.layer(half, half, shape.kernel_px, groups=half, active=active)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H, W)``."""
        primary = self.primary(features)
        return torch.cat([primary, self.cheap(primary)], dim=1)


class GhostBlock(nn.Module):
    """A ghost pair that widens, a strided depthwise kernel where asked, a gate, a linear ghost pair that narrows."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        n_wide = shape.n_in * shape.expansion
        self.linked = shape.linked
        self.widen = GhostPair(shape, shape.n_in, n_wide, reads=shape.reads_halves, active=True)
        self.stride: nn.Module = nn.Identity()
        if shape.stride > 1:
            self.stride = writing_halves(
                shape.layer(n_wide, n_wide, shape.kernel_px, shape.stride, groups=n_wide, active=False)
            )
        self.attention = attention_of(shape.attention, n_wide, halves=True)
        self.narrow = GhostPair(shape, n_wide, shape.n_out, reads=True, active=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H/stride, W/stride)``."""
        changed = self.narrow(self.attention(self.stride(self.widen(features))))
        return changed + features if self.linked else changed


class RepBlock(nn.Module):
    """MobileOne's pair (Vasu et al., CVPR 2023): a depthwise and a 1x1 convolution, each trained as several branches.

    `bedside.train.reparam.thinned` folds the branches into one convolution each; there is no link to fold into.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        from bedside.train.timm_networks import rep_layer

        act = _ACTIVATIONS[shape.activation]
        folds = {"n_branches": shape.expansion, "linked": shape.linked, "activation": act}
        self.spread = rep_layer(shape.n_in, shape.n_in, shape.kernel_px, shape.stride, depthwise=True, **folds)
        self.attention = attention_of(shape.attention, shape.n_in, halves=shape.reads_halves)
        self.point = rep_layer(shape.n_in, shape.n_out, 1, 1, depthwise=False, **folds)
        if shape.reads_halves:
            writing_halves(self.spread)
            writing_halves(self.point, reads=True, writes=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H/stride, W/stride)``."""
        return self.point(self.attention(self.spread(features)))


BLOCKS: dict[str, Callable[[BlockShape], nn.Module]] = {
    "inverted": InvertedBlock,
    "ghost": GhostBlock,
    "fire": FireBlock,
    "rep": RepBlock,
    "residual": ResidualBlock,
}
"""By kind, as `bedside.train.genome.KINDS` lists them."""

WRITES_HALVES = ("fire", "ghost")
"""Kinds whose output comes in two halves."""
