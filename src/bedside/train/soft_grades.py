"""Ordered classes as soft labels: the loss knows the order, and the network keeps its K softmax outputs.

Cumulative links and CORAL (Cao et al., Pattern Recognit Lett 2020) need K - 1 outputs of another meaning, and with them
another export, another probability and another call. Soft ordinal labels reach about the same error and change nothing
behind the loss: temperature, int8, sessions and ``bedside predict`` read the outputs as those of any classification.
"""

import torch
from torch import Tensor
from torch.nn import functional

SHARPNESS = 2.0
"""How fast the target falls: a neighbour of the true grade weighs ``exp(-2)`` of it, the next one ``exp(-8)``."""


def soft_grades(grades: Tensor, n_grades: int, *, sharpness: float = SHARPNESS) -> Tensor:
    """Targets ``(n, K)`` that sum to 1: ``softmax(-sharpness * (k - grade)^2)`` (SORD: Diaz and Marathe, CVPR 2019)."""
    steps = torch.arange(n_grades)[None] - grades[:, None]
    return torch.softmax(-sharpness * steps.to(torch.float32) ** 2, dim=1)


def grade_loss(logits: Tensor, grades: Tensor) -> Tensor:
    """Cross-entropy of ``(n, K)`` logits with the soft labels of grades ``(n,)``."""
    targets = soft_grades(grades, logits.shape[1])
    return -(targets * functional.log_softmax(logits, 1)).sum(dim=1).mean()
