"""Networks with several heads: every exit learns with the network (Szegedy et al., CVPR 2015)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

EXIT_WEIGHT = 0.3
"""Weight of the exits' mean loss against the last head's; GoogLeNet's."""


def answers_of(model: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Outputs of the last head and of every exit; a network without exits has one, ``(N, K, ...)``."""
    network: Any = model
    return network.answers_at_exits(images) if hasattr(network, "answers_at_exits") else (network(images),)


def joint_loss(answers: tuple[torch.Tensor, ...], loss: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Loss of the last head, and `EXIT_WEIGHT` times the mean of the exits' losses."""
    last, *exits = answers
    total = loss(last)
    return total + EXIT_WEIGHT * torch.stack([loss(early) for early in exits]).mean() if exits else total
