"""After channels are cut: what stays is refitted, so that each reader says again what it said before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.base.arrays import BoolArray
from bedside.compress.channels import Channels
from bedside.compress.foreground import foreground_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from bedside.train.fitting import TrainingData

N_PLACES = 6000
"""Places of all images together that a layer is refitted on."""

RIDGE_FRAC = 1e-2
"""Pull towards the layer's own weights, as a share of the mean energy of its inputs."""

FLOOR = 0.25
"""Chance of a background place to be drawn, against one of foreground."""

BATCH_SIZE = 32


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

    from bedside.train.fitting import as_batch

    pixels = data.development[rows]
    weights = torch.from_numpy(FLOOR + (1 - FLOOR) * foreground_of(pixels))[:, None] if pixels.ndim == 4 else None
    images = as_batch(data.preprocess.normalize(pixels))
    pruned.eval()
    with torch.no_grad():
        for name in _in_order(pruned, cut.readers, images[:2]):
            draws = torch.Generator().manual_seed(seed)
            outputs, places = _told(dense, name, images, weights, draws)
            if name in cut.kept_outputs:
                outputs = outputs[:, torch.from_numpy(cut.kept_outputs[name])]
            inputs = _read(pruned, name, images, places)
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


class _EnoughError(Exception):
    """Raised behind a layer whose values are at hand: the rest of the network need not run."""


def _values(model: "nn.Module", name: str, images: "torch.Tensor", *, of_input: bool) -> "torch.Tensor":
    found: list[torch.Tensor] = []

    def keep(module: Any, inputs: tuple["torch.Tensor", ...], output: Any = None) -> None:
        found.append(inputs[0] if of_input else output)
        raise _EnoughError

    layer = model.get_submodule(name)
    hook = layer.register_forward_pre_hook(keep) if of_input else layer.register_forward_hook(keep)
    try:
        model(images)
    except _EnoughError:
        pass
    finally:
        hook.remove()
    return found[0]


Places = Sequence[tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"] | None]
"""For each batch the image, row and column of its places; None where a layer has no places."""


def _told(
    dense: "nn.Module", name: str, images: "torch.Tensor", weights: "torch.Tensor | None", draws: "torch.Generator"
) -> tuple["torch.Tensor", Places]:
    """Outputs of a layer at drawn places, ``(n, C)``, and the places."""
    import torch

    parts, places = [], []
    for start in range(0, len(images), BATCH_SIZE):
        output = _values(dense, name, images[start : start + BATCH_SIZE], of_input=False)
        if output.ndim != 4:
            parts.append(output.flatten(0, -2))
            places.append(None)
            continue
        shown = None if weights is None else weights[start : start + BATCH_SIZE]
        where = _drawn(output, shown, N_PLACES * len(output) // len(images) or 1, draws)
        parts.append(output[where[0], :, where[1], where[2]])
        places.append(where)
    return torch.cat(parts), places


def _drawn(
    output: "torch.Tensor", weights: "torch.Tensor | None", n: int, draws: "torch.Generator"
) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
    import torch

    n_images, _, height, width = output.shape
    chances = torch.ones(n_images, height * width)
    if weights is not None:
        chances = torch.nn.functional.adaptive_avg_pool2d(weights, (height, width)).flatten(1)
    chosen = torch.multinomial(chances.flatten(), min(n, chances.numel()), generator=draws)
    place = chosen % (height * width)
    return chosen // (height * width), place // width, place % width


def _read(model: "nn.Module", name: str, images: "torch.Tensor", places: Places) -> "torch.Tensor":
    """What the layer reads at the places, ``(n, F)``, in the order of its flattened weights."""
    import torch

    layer, parts = model.get_submodule(name), []
    for number, where in enumerate(places):
        value = _values(model, name, images[number * BATCH_SIZE : (number + 1) * BATCH_SIZE], of_input=True)
        parts.append(value.flatten(0, -2) if where is None else _patches(layer, value, where))
    return torch.cat(parts)


def _patches(
    layer: Any, value: "torch.Tensor", where: tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]
) -> "torch.Tensor":
    import torch

    image, row, column = where
    up, left = layer.padding
    padded = torch.nn.functional.pad(value, (left, left, up, up))
    taps = [
        padded[
            image, :, row * layer.stride[0] + i * layer.dilation[0], column * layer.stride[1] + j * layer.dilation[1]
        ]
        for i in range(layer.kernel_size[0])
        for j in range(layer.kernel_size[1])
    ]
    return torch.stack(taps, -1).flatten(1)


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
