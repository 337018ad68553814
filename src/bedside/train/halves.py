"""Channels that come in two halves, side by side: a weight-sharing network must cut each half, not the end."""

from typing import Any

from torch import nn


def writing_halves(module: nn.Module, *, reads: bool = False, writes: bool = True) -> nn.Module:
    """Mark every convolution and batch norm of `module` as reading, or writing, two halves; returns `module`."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            marked: Any = layer
            marked.n_parts = (2 if writes else 1, 2 if reads else 1)
    return module


def parts_of(module: nn.Module) -> tuple[int, int]:
    """In how many parts a layer's outputs and inputs come."""
    return getattr(module, "n_parts", (1, 1))
