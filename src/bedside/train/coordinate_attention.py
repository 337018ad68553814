"""Coordinate attention (Hou et al., CVPR 2021): gates for rows and for columns."""

import torch
from torch import nn


class CoordinateGate(nn.Module):
    """Two gates a channel, one along the height and one along the width, so that a gate knows where it looks.

    The paper joins the means of rows and of columns into one strip, which costs a transposition each way. Here the
    same convolution is applied to both in turn: the same function once batch norm's statistics are fixed. ReLU6
    stands in the place of hard-swish, and hard sigmoids gate.
    """

    def __init__(self, n_channels: int, reduction: int = 8) -> None:
        super().__init__()
        n_hidden = max(8, n_channels // reduction)
        self.reduce = nn.Conv2d(n_channels, n_hidden, 1, bias=False)
        self.norm = nn.BatchNorm2d(n_hidden)
        self.act = nn.ReLU6(inplace=True)
        self.rows = nn.Conv2d(n_hidden, n_channels, 1)
        self.columns = nn.Conv2d(n_hidden, n_channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scale each row and each column of each channel of ``(N, C, H, W)``."""
        rows = self.act(self.norm(self.reduce(features.mean(3, keepdim=True))))
        columns = self.act(self.norm(self.reduce(features.mean(2, keepdim=True))))
        return features * self.gate(self.rows(rows)) * self.gate(self.columns(columns))
