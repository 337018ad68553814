"""Blocks of light 3-D networks, made of 2-D operations: they export, quantize and run wherever 2-D convolutions do.

A 3x3x3 convolution is taken apart into 1x3x3 and 3x1x1 (Qiu et al., "Pseudo-3D residual networks", ICCV 2017; Tran et
al., CVPR 2018). Features are kept channels last, ``(N, D, H, W, C)``: in this order both factors are 2-D convolutions
of the same memory, the first over ``(N*D, H, W, C)``, the second over ``(N, D, H*W, C)``, and no voxel is moved.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional


class PlaneConv(nn.Module):
    """Convolution within each slice, 1xkxk, with batch norm and (if `active`) ReLU6."""

    def __init__(self, n_in: int, n_out: int, kernel_px: int = 3, stride: int = 1, *, active: bool = True) -> None:
        super().__init__()
        pad = kernel_px // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(n_in, n_out, kernel_px, stride, pad, bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        self.act = nn.ReLU6() if active else nn.Identity()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, D, H, W, C)`` to ``(N, D, H', W', C')``."""
        n, depth, height, width, channels = features.shape
        planes = features.reshape(n * depth, height, width, channels).permute(0, 3, 1, 2)
        out = self.act(self.norm(self.conv(planes))).permute(0, 2, 3, 1)
        return out.reshape(n, depth, *out.shape[1:])


class DepthConv(nn.Module):
    """Convolution across slices, kx1x1, with batch norm and (if `active`) ReLU6."""

    def __init__(self, n_in: int, n_out: int, kernel_px: int = 3, stride: int = 1, *, active: bool = True) -> None:
        super().__init__()
        pad = kernel_px // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(n_in, n_out, (kernel_px, 1), (stride, 1), (pad, 0), bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        self.act = nn.ReLU6() if active else nn.Identity()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, D, H, W, C)`` to ``(N, D', H, W, C')``."""
        n, depth, height, width, channels = features.shape
        lines = features.reshape(n, depth, height * width, channels).permute(0, 3, 1, 2)
        out = self.act(self.norm(self.conv(lines))).permute(0, 2, 3, 1)
        return out.reshape(n, out.shape[1], height, width, out.shape[3])


class Factored(nn.Module):
    """1x3x3 and then 3x1x1, with a link around them where the channels agree."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.has_link = n_in == n_out
        self.plane = PlaneConv(n_in, n_out)
        self.depth = DepthConv(n_out, n_out, active=not self.has_link)
        self.act = nn.ReLU6()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, D, H, W, C)`` to ``(N, D, H, W, C')``."""
        out = self.depth(self.plane(features))
        return self.act(out + features) if self.has_link else out


class Halve(nn.Module):
    """Half of each side, by 1x2x2 and 2x1x1 with as much stride: no padding, so that every format agrees."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.plane = PlaneConv(n_in, n_out, 2, 2)
        self.depth = DepthConv(n_out, n_out, 2, 2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, D, H, W, C)`` to ``(N, D/2, H/2, W/2, C')``."""
        return self.depth(self.plane(features))


class Joined(nn.Module):
    """Two maps side by side, ``(N, D, H, W, C)`` and ``(N, D, H, W, C')`` to ``(N, D, H, W, C + C')``.

    Graphs of channels are told only where maps are joined along axis 1: `joined_along_one` has the axes turned for as
    long, which an exported file never sees.
    """

    along_one = False

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Join the channels."""
        if self.along_one:
            return torch.cat([first.movedim(4, 1), second.movedim(4, 1)], dim=1).movedim(1, 4)
        return torch.cat([first, second], dim=4)


@contextmanager
def joined_along_one(model: nn.Module) -> Iterator[None]:
    """Let every `Joined` of a network join along axis 1, with the same values."""
    joins = [module for module in model.modules() if isinstance(module, Joined)]
    for join in joins:
        join.along_one = True
    try:
        yield
    finally:
        for join in joins:
            join.along_one = False


def doubled(features: torch.Tensor) -> torch.Tensor:
    """Repeat every voxel to twice the sides: ``(N, D, H, W, C)`` to ``(N, 2D, 2H, 2W, C)``."""
    n, depth, height, width, channels = features.shape
    planes = features.reshape(n * depth, height, width, channels).permute(0, 3, 1, 2)
    planes = functional.interpolate(planes, scale_factor=2.0, mode="nearest").permute(0, 2, 3, 1)
    lines = planes.reshape(n, depth, 4 * height * width, channels).permute(0, 3, 1, 2)
    lines = functional.interpolate(lines, scale_factor=(2.0, 1.0), mode="nearest").permute(0, 2, 3, 1)
    return lines.reshape(n, 2 * depth, 2 * height, 2 * width, channels)


class Unfold(nn.Module):
    """Logits of the eight voxels of each half-size voxel, unfolded to the full size (Shi et al., CVPR 2016, in 3-D)."""

    def __init__(self, n_in: int, n_classes: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.conv = nn.Conv2d(n_in, 8 * n_classes, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, D, H, W, C)`` to ``(N, 2D, 2H, 2W, K)``; no transposition has more than five axes."""
        n, depth, height, width, channels = features.shape
        planes = features.reshape(n * depth, height, width, channels).permute(0, 3, 1, 2)
        eight = self.conv(planes).permute(0, 2, 3, 1)
        rows = eight.reshape(n * depth, height, 2 * width, 2, 2 * self.n_classes).permute(0, 1, 3, 2, 4)
        lines = rows.reshape(n * depth, 4 * height * width, 2, self.n_classes).permute(0, 2, 1, 3)
        return lines.reshape(n, 2 * depth, 2 * height, 2 * width, self.n_classes)


def logit_layers(model: nn.Module) -> list[nn.Module]:
    """Convolutions whose outputs are logits that `Unfold` spreads: no channel of theirs can go."""
    return [module.conv for module in model.modules() if isinstance(module, Unfold)]
