"""SqueezeNet's fire modules (Iandola et al., arXiv:1602.07360) with residual links around the even ones."""

import torch
from torch import nn

from bedside.train.architecture import Architecture
from bedside.train.blocks import Head, conv_bn, round_channels
from bedside.train.stems import n_strides_for

_EXPANDED = (64, 64, 128, 128, 192, 192, 256)


class Fire(nn.Module):
    """Squeeze to few channels, expand by 1x1 and 3x3 side by side."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        n_squeezed, half = max(8, n_out // 6), n_out // 2
        self.has_link = n_in == n_out
        self.squeeze = conv_bn(n_in, n_squeezed, 1)
        # Without a link the activation stands before the concatenation, where it fuses into the convolutions: AI Edge
        # Quantizer leaves a ReLU6 that stands alone in float. With a link it fuses into the addition.
        self.point = conv_bn(n_squeezed, half, 1, active=not self.has_link)
        self.space = conv_bn(n_squeezed, n_out - half, 3, active=not self.has_link)
        self.act = nn.ReLU6(inplace=True)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H, W)``."""
        squeezed = self.squeeze(features)
        expanded = torch.cat([self.point(squeezed), self.space(squeezed)], dim=1)
        return self.act(expanded + features) if self.has_link else expanded


def fire_network(architecture: Architecture) -> nn.Module:
    """Seven fire modules; max-pooling between pairs as the input allows."""
    n_in = round_channels(32 * architecture.width)
    n_strides = n_strides_for(architecture.spec.height_px)
    layers: list[nn.Module] = [conv_bn(architecture.spec.n_channels, n_in, 3, 2)]
    pools = {0: n_strides >= 4, 2: n_strides >= 2, 4: n_strides >= 3, 6: n_strides >= 5}
    for i, n in enumerate(_EXPANDED):
        if pools.get(i):
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=False))
        n_out = round_channels(n * architecture.width, 16)
        layers.append(Fire(n_in, n_out))
        n_in = n_out
    return nn.Sequential(*layers, Head(n_in, architecture.n_classes))
