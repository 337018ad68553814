"""After channels are cut: what stays is refitted, so that each reader says again what it said before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.base.arrays import BoolArray
from bedside.compress.channels import Channels
from bedside.compress.layer_samples import Seen, read, told

if TYPE_CHECKING:
    import torch
    from torch import nn

    from bedside.train.fitting import TrainingData

RIDGE_FRAC = 1e-2
"""Pull towards the layer's own weights, as a share of the mean energy of its inputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What a pruning round takes: the outputs that each layer keeps, and the layers that read fewer inputs."""

    kept_outputs: dict[str, BoolArray]
    readers: frozenset[str]


def cut_of(channels: Channels, keep: Mapping[str, BoolArray]) -> Cut:
    """Look up, before the channels are removed, what their removal does to each layer."""
    layers = dict(channels.model.named_modules())
    kept: dict[str, BoolArray] = {}
    readers: set[str] = set()
    for group in channels.groups.values():
        for member in group.on("out"):
            n_outputs = _n_outputs(layers[member.layer])
            kept.setdefault(member.layer, np.ones(n_outputs, bool))[member.local] &= keep[group.name][member.root]
        if not keep[group.name].all():
            readers |= {member.layer for member in group.on("in")}
    return Cut(kept_outputs=kept, readers=frozenset(readers))


def _n_outputs(layer: Any) -> int:
    return layer.out_channels if hasattr(layer, "out_channels") else layer.out_features


def reconstruct(
    pruned: "nn.Module", dense: "nn.Module", cut: Cut, data: "TrainingData", rows: np.ndarray, *, seed: int
) -> None:
    """Refit the weights of every reader of `pruned`, in place, from input to output.

    Each layer is refitted by ridge regression on its present inputs to the outputs that the same layer has in `dense`
    (least-squares reconstruction: He, Zhang & Sun, ICCV 2017; Luo et al., ICCV 2017), at places that are drawn where
    the patient is. Later layers see what the earlier ones have become, so errors do not pile up. Layers that cannot be
    written as one regression (grouped, strided with paddings of their own, called several times) stay as they are.

    Parameters
    ----------
    rows
        Rows of the development part to look at.
    """
    import torch

    seen = Seen.of(data, rows)
    pruned.eval()
    with torch.no_grad():
        for name in _in_order(pruned, cut.readers, seen.cases[:2]):
            draws = torch.Generator().manual_seed(seed)
            outputs, places = told(dense, name, seen, draws)
            if name in cut.kept_outputs:
                outputs = outputs[:, torch.from_numpy(cut.kept_outputs[name])]
            inputs = read(pruned, name, seen, places)
            _refit(pruned.get_submodule(name), inputs.double(), outputs.double())


def _in_order(model: "nn.Module", names: frozenset[str], images: "torch.Tensor") -> list[str]:
    """The layers that can be refitted, in the order in which they run; one that runs twice is left out."""
    from torch import nn

    order: list[str] = []
    layers = {name: model.get_submodule(name) for name in sorted(names)}

    def noting(name: str) -> Any:
        return lambda module, inputs: order.append(name)

    hooks = [
        layer.register_forward_pre_hook(noting(name))
        for name, layer in layers.items()
        if type(layer) is nn.Linear or (type(layer) is nn.Conv2d and _is_plain(layer))
    ]
    try:
        model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return [name for name in order if order.count(name) == 1]


def _is_plain(layer: Any) -> bool:
    return layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _refit(layer: Any, inputs: "torch.Tensor", outputs: "torch.Tensor") -> None:
    """Add the ridge solution of what the layer lacks; the pull is towards its present weights."""
    import torch

    weight = layer.weight.flatten(1).double()
    lacking = outputs - inputs @ weight.T - (0 if layer.bias is None else layer.bias.double())
    mean_in, mean_out = inputs.new_zeros(inputs.shape[1]), outputs.new_zeros(outputs.shape[1])
    if layer.bias is not None:
        mean_in, mean_out = inputs.mean(0), lacking.mean(0)
    centred = inputs - mean_in
    gram = centred.T @ centred
    pull = RIDGE_FRAC * float(gram.diagonal().mean()) + 1e-9
    eye = torch.eye(len(gram), dtype=gram.dtype)
    change = torch.linalg.solve(gram + pull * eye, centred.T @ (lacking - mean_out))
    layer.weight += change.T.reshape(layer.weight.shape).to(layer.weight.dtype)
    if layer.bias is not None:
        layer.bias += (mean_out - mean_in @ change).to(layer.bias.dtype)
