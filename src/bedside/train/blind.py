"""Layers inside gates that see channels as a sequence, or not at all: pruning leaves them as they are."""

from torch import nn


class BlindConv(nn.Conv2d):
    """A convolution whose channels are not those of the features that it gates."""


class BlindNorm(nn.BatchNorm2d):
    """A batch norm behind a `BlindConv`."""


BLIND = (BlindConv, BlindNorm)
