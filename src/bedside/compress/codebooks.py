"""Codebooks of layers: few magnitudes with both signs, in units of each output channel's largest weight.

In these units a layer's int8 codes are ``round(127 * centroid / largest centroid)``, whatever scale a channel has and
whatever a batch norm that is folded into it multiplies it by, also where that is negative: so a file of int8 codes
holds just the layer's codebook, and nothing needs to be known of the clustering to find it there again.
"""

from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from bedside.base.arrays import FloatArray, IntArray

N_ROUNDS = 100
"""Rounds of k-means at most; in one dimension it settles earlier."""


def k_means(values: FloatArray, n_centroids: int) -> tuple[FloatArray, IntArray]:
    """Lloyd's algorithm on numbers ``(n,)``: centroids ``(k,)`` in order, and the one of each number, ``(n,)``.

    The start is even between the smallest and the largest, which keeps the large weights that matter most (Han et al.,
    ICLR 2016, section 3.2). A centroid without members stays where it is.
    """
    values = np.asarray(values, np.float64)
    centroids = np.linspace(values.min(), values.max(), n_centroids)
    for _ in range(N_ROUNDS):
        nearest = np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values)
        counts = np.bincount(nearest, minlength=n_centroids)
        sums = np.bincount(nearest, weights=values, minlength=n_centroids)
        moved = np.where(counts > 0, sums / np.maximum(counts, 1), centroids)
        if np.allclose(moved, centroids, rtol=0, atol=1e-9):
            break
        centroids = moved
    return centroids, np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values)


class Codebook(nn.Module):
    """A layer's weight as signs, codes, magnitudes and channel scales; only the magnitudes learn."""

    signs: torch.Tensor
    codes: torch.Tensor
    scale: torch.Tensor

    def __init__(self, weight: torch.Tensor, n_centroids: int) -> None:
        super().__init__()
        largest = weight.detach().abs().flatten(1).amax(1).clamp(min=1e-12)
        scale = largest.reshape(-1, *[1] * (weight.ndim - 1))
        unit = weight.detach() / scale
        centroids, codes = k_means(unit.abs().flatten().numpy(), n_centroids // 2)
        self.magnitudes = nn.Parameter(torch.from_numpy(centroids).float())
        self.register_buffer("codes", torch.from_numpy(codes).reshape(weight.shape))
        self.register_buffer("signs", torch.where(unit < 0, -1.0, 1.0))
        self.register_buffer("scale", scale)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the clustered weight; the one that is given is not used.

        No magnitude may pass the largest: each channel has it, and it is what the channel's int8 codes are counted in.
        """
        magnitudes = torch.minimum(self.magnitudes, self.magnitudes[-1]).clamp(min=0)
        return self.signs * magnitudes[self.codes] * self.scale


def bind(model: nn.Module, n_centroids: int) -> list[str]:
    """Tie the weights of every layer that is worth it to a codebook, in place; return the layers' names.

    Worth it are convolutions and linear layers with at least `n_centroids` weights in each output channel: a depthwise
    kernel has nine.
    """
    names = []
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.weight[0].numel() >= n_centroids:
            book = Codebook(layer.weight, n_centroids)
            parametrize.register_parametrization(layer, "weight", book)
            names.append(name)
    return names


def unbind(model: nn.Module) -> nn.Module:
    """Turn tied weights into ordinary ones of the same values, in place."""
    for layer in list(model.modules()):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    return model


def n_values(layer: Any) -> int:
    """How many int8 codes a layer has, one scale an output channel, as every format's quantizer rounds."""
    weight = cast(torch.Tensor, layer.weight).detach().flatten(1)
    largest = weight.abs().amax(1, keepdim=True).clamp(min=1e-12)
    return len(torch.unique(torch.round(127 * weight / largest)))
