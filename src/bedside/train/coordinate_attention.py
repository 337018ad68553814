"""Coordinate attention (Hou et al., CVPR 2021): gates for rows and for columns."""

import torch
from torch import nn
from torch.nn import functional


class CoordinateGate(nn.Module):
    """Two gates a channel, one along the height and one along the width, so that a gate knows where it looks.

    Means of rows and of columns pass one convolution as a strip, as in the paper; ReLU6 stands in the place of
    hard-swish, hard sigmoids gate, and means are average pools, which XNNPACK knows.
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
        height, width = (int(side) for side in features.shape[2:])
        strip = torch.cat(
            [functional.avg_pool2d(features, [1, width]), functional.avg_pool2d(features, [height, 1]).transpose(2, 3)],
            dim=2,
        )
        mixed = self.act(self.norm(self.reduce(strip)))
        rows, columns = mixed[:, :, :height], mixed[:, :, height:].transpose(2, 3)
        return features * self.gate(self.rows(rows)) * self.gate(self.columns(columns))
