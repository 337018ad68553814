"""What single layers of a network read and say, at places that are drawn once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

N_PLACES = 6000
"""Places of all images together that a layer is refitted on."""

BATCH_SIZE = 32

Places = Sequence[tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"] | None]
"""For each batch the image, row and column of its places; None where a layer has no places."""


def in_order(model: "nn.Module", names: frozenset[str], images: "torch.Tensor") -> list[str]:
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


def told(
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


def read_at(model: "nn.Module", name: str, images: "torch.Tensor", places: Places) -> "torch.Tensor":
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
