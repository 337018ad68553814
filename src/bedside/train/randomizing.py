"""Networks that forget what they have learned, layer by layer: the sanity check of heat maps."""

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import torch
from torch import nn


def randomized_cascade(model: nn.Module, *, n_stages: int = 5, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Yield ever more random copies, from the outputs down to the input (Adebayo et al., NeurIPS 2018, section 4).

    The layers with weights are taken in `n_stages` groups. Each weight is drawn from the normal of its own tensor's
    mean and standard deviation, so that activations keep their size while all that was learned goes.

    Yields
    ------
    tuple of str and Module
        The lowest layer that is random, and the copy; the last copy is random throughout.
    """
    copy, generator = deepcopy(model).eval(), torch.Generator().manual_seed(seed)
    layers = [
        (name, layer) for name, layer in copy.named_modules() if next(layer.parameters(recurse=False), None) is not None
    ]
    for group in np.array_split(np.arange(len(layers))[::-1], min(n_stages, len(layers))):
        for i in group:
            _randomize(layers[i][1], generator)
        yield layers[group[-1]][0], deepcopy(copy)


def _randomize(layer: nn.Module, generator: torch.Generator) -> None:
    with torch.no_grad():
        for weight in layer.parameters(recurse=False):
            noise = torch.randn(weight.shape, generator=generator)
            spread = weight.std(correction=0) if weight.numel() > 1 else torch.zeros(())
            weight.copy_(weight.mean() + spread * noise)
