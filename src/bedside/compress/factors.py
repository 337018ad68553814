"""One layer as two: singular value decompositions of weights, and the layers that hold the factors."""

from typing import Any

import torch
from torch import nn

from bedside.train.factored import factor_layers, factorable


def factor(
    model: nn.Module, *, energy_frac: float | None = None, rank_frac: float | None = None, overhead: int = 0
) -> dict[str, int]:
    """Factor every layer of `model` that loses more than `overhead` weights by it, in place; return ranks by name."""
    ranks: dict[str, int] = {}
    for name, layer in list(model.named_modules()):
        if not factorable(layer, name, model):
            continue
        matrix = as_matrix(layer)
        left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
        rank = chosen_rank(values, energy_frac=energy_frac, rank_frac=rank_frac)
        if rank * (matrix.shape[0] + matrix.shape[1]) + overhead >= matrix.numel():
            continue
        root = values[:rank].sqrt()
        model.set_submodule(name, _filled(layer, left[:, :rank] * root, root[:, None] * right[:rank]))
        ranks[name] = rank
    return ranks


def chosen_rank(values: torch.Tensor, *, energy_frac: float | None, rank_frac: float | None) -> int:
    """Singular values ``(n,)`` that stay, the largest ones; at least one."""
    if rank_frac is not None:
        return max(1, round(rank_frac * len(values)))
    energy = values.square().cumsum(0)
    return int((energy < (energy_frac or 1.0) * energy[-1]).sum()) + 1


def as_matrix(layer: Any) -> torch.Tensor:
    """Weight of a layer as the matrix whose rank counts: ``(out, in)``, of spatial ones ``(out * kw, in * kh)``."""
    weight = layer.weight.detach()
    if weight.ndim == 2:
        return weight
    n_out, n_in, height, width = weight.shape
    return weight.permute(0, 3, 1, 2).reshape(n_out * width, n_in * height)


def _filled(layer: Any, left: torch.Tensor, right: torch.Tensor) -> nn.Sequential:
    """Two layers with the factors ``left @ right`` as weights; the second has the bias."""
    pair: Any = factor_layers(layer, right.shape[0])
    first, second = pair
    with torch.no_grad():
        if isinstance(layer, nn.Linear):
            first.weight.copy_(right)
            second.weight.copy_(left)
        else:
            n_out, n_in, height, width = layer.weight.shape
            first.weight.copy_(right.reshape(-1, n_in, height, 1))
            second.weight.copy_(left.reshape(n_out, width, -1).permute(0, 2, 1)[:, :, None, :])
        if layer.bias is not None:
            second.bias.copy_(layer.bias)
    return pair
