"""What a layer reads and says at drawn places of some cases: the material of its refit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.base.task import TensorSpec
from bedside.compress.places import case_foreground, layout_of, pooled

if TYPE_CHECKING:
    import torch
    from torch import nn

    from bedside.train.fitting import TrainingData

N_PLACES = 6000
"""Places of all images together that a layer is refitted on."""

FLOOR = 0.25
"""Chance of a background place to be drawn, against one of foreground."""

BATCH_SIZE = 32


@dataclass(frozen=True, slots=True)
class Seen:
    """What is looked at: normalized cases, where the patient is in them, and how many go through at once."""

    cases: "torch.Tensor"
    foreground: "torch.Tensor"
    spec: TensorSpec
    n_at_once: int

    @classmethod
    def of(cls, data: "TrainingData", rows: np.ndarray) -> "Seen":
        """Look at some rows of the development part."""
        from bedside.train.fitting import as_batch, at_once

        pixels, spec = data.development[rows], data.preprocess.spec
        foreground = case_foreground(pixels, spec)
        cases = as_batch(data.preprocess.normalize(pixels))
        return cls(cases, foreground, spec, at_once(spec.shape, BATCH_SIZE))

    def batches(self) -> Iterator[tuple["torch.Tensor", "torch.Tensor"]]:
        """Cases, and the foreground of each of their images, frames or volumes."""
        n_each = len(self.foreground) // len(self.cases)
        for start in range(0, len(self.cases), self.n_at_once):
            stop = start + self.n_at_once
            yield self.cases[start:stop], self.foreground[start * n_each : stop * n_each]


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


def told(dense: "nn.Module", name: str, seen: Seen, draws: "torch.Generator") -> tuple["torch.Tensor", Places]:
    """Outputs of a layer at drawn places, ``(n, C)``, and the places."""
    import torch

    parts, places = [], []
    for cases, foreground in seen.batches():
        output = _values(dense, name, cases, of_input=False)
        if output.ndim != 4:
            parts.append(output.flatten(0, -2))
            places.append(None)
            continue
        layout = layout_of(tuple(output.shape), len(cases), seen.spec)
        chances = layout.folded(FLOOR + (1 - FLOOR) * pooled(foreground, layout.sides))
        where = _drawn(chances, N_PLACES * len(cases) // len(seen.cases) or 1, draws)
        parts.append(output[where[0], :, where[1], where[2]])
        places.append(where)
    return torch.cat(parts), places


def _drawn(
    chances: "torch.Tensor", n: int, draws: "torch.Generator"
) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
    """Map, row and column of places, drawn by their chances ``(M, 1, a, b)``."""
    import torch

    _, _, height, width = chances.shape
    chosen = torch.multinomial(chances.flatten(), min(n, chances.numel()), generator=draws)
    place = chosen % (height * width)
    return chosen // (height * width), place // width, place % width


def read(model: "nn.Module", name: str, seen: Seen, places: Places) -> "torch.Tensor":
    """What the layer reads at the places, ``(n, F)``, in the order of its flattened weights."""
    import torch

    layer, parts = model.get_submodule(name), []
    for (cases, _), where in zip(seen.batches(), places, strict=True):
        value = _values(model, name, cases, of_input=True)
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
