"""Build the network that a genome describes (family ``elastic:GENOME``)."""

import torch
from torch import nn

from bedside.train.architecture import Architecture
from bedside.train.blocks import Head, conv_bn, round_channels
from bedside.train.genome import Genome
from bedside.train.halves import writing_halves
from bedside.train.light_blocks import BLOCKS, WRITES_HALVES, BlockShape
from bedside.train.stems import n_strides_for

STEM_CHANNELS = 16
TAIL_FACTOR = 1.5
"""Channels of the last 1x1 convolution against those of the stage before it."""


class ElasticNetwork(nn.Module):
    """A stem, the stages of a genome, and a head after the last of them and after each of its exits.

    Stages halve the map as often as the input allows (`bedside.train.stems`). A stage's first block has no identity
    link, even where shapes would allow one, so that networks of all widths have the same layers.
    """

    def __init__(self, genome: Genome, architecture: Architecture) -> None:
        super().__init__()
        width, n_strides = architecture.width, n_strides_for(architecture.spec.height_px)
        n_in = round_channels(STEM_CHANNELS * width)
        self.stem = conv_bn(architecture.spec.n_channels, n_in, 3, 2)
        self.stages, self.heads = nn.ModuleList(), nn.ModuleDict()
        halved = False
        for i in range(genome.n_stages):
            n_out = round_channels(genome.widths[i] * width)
            stride = 2 if i + 2 <= n_strides else 1
            self.stages.append(_stage(genome, i, n_in, n_out, stride, halved=halved))
            n_in, halved = n_out, genome.kinds[i] in WRITES_HALVES
            if i + 1 in (*genome.exits, genome.n_stages):
                self.heads[str(i + 1)] = _head(n_in, architecture.n_classes, halved=halved)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits ``(N, K)`` of the last head; exits are not run."""
        features = self.stem(images)
        for stage in self.stages:
            features = stage(features)
        return self.heads[str(len(self.stages))](features)

    def answers_at_exits(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the logits of the last head and of every exit, ``(N, K)`` each."""
        features, found = self.stem(images), []
        for number, stage in enumerate(self.stages, 1):
            features = stage(features)
            if str(number) in self.heads:
                found.insert(0, self.heads[str(number)](features))
        return tuple(found)


def _stage(genome: Genome, i: int, n_in: int, n_out: int, stride: int, *, halved: bool) -> nn.Sequential:
    block, blocks = BLOCKS[genome.kinds[i]], []
    for j in range(genome.depths[i]):
        shape = BlockShape(
            n_in=n_in if j == 0 else n_out, n_out=n_out, stride=stride if j == 0 else 1,
            kernel_px=genome.kernels_px[i], expansion=genome.expansions[i], attention=genome.attentions[i],
            activation=genome.activation, linked=j > 0,
            reads_halves=halved if j == 0 else genome.kinds[i] in WRITES_HALVES,
        )  # fmt: skip
        blocks.append(block(shape))
    return nn.Sequential(*blocks)


def _head(n_in: int, n_classes: int, *, halved: bool) -> nn.Sequential:
    n_tail = round_channels(n_in * TAIL_FACTOR)
    return nn.Sequential(writing_halves(conv_bn(n_in, n_tail, 1), reads=halved, writes=False), Head(n_tail, n_classes))


def elastic_network(architecture: Architecture) -> nn.Module:
    """Build ``elastic:GENOME``.

    Raises
    ------
    RecipeError
        If the line after the colon is no genome.
    """
    return ElasticNetwork(Genome.parse(architecture.family.partition(":")[2]), architecture)


def truncated(model: ElasticNetwork, n_stages: int) -> ElasticNetwork:
    """Return a copy that ends at the exit after so many stages, with that exit's weights.

    It is the network of ``genome.at_exit(n_stages)``, with the same names of weights, so that its weights file loads
    into that family.
    """
    from copy import deepcopy

    short = deepcopy(model)
    short.stages = short.stages[:n_stages]
    for name in [name for name in short.heads if int(name) > n_stages]:
        del short.heads[name]
    if str(n_stages) not in short.heads:
        raise KeyError(f"no exit after stage {n_stages}; there are heads after {', '.join(model.heads)}")
    return short
