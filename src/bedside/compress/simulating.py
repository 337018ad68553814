"""Rounding in simulation: a network computes as its int8 file will, layer by layer, without being rewritten."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from bedside.base.arrays import FloatArray
from bedside.compress.quantization import FLOAT, LayerBits, QuantizationPlan
from bedside.compress.rounding import round_activation, round_weight

if TYPE_CHECKING:
    from torch import nn

_MOVES = frozenset(
    {"flatten", "reshape", "view", "permute", "transpose", "unsqueeze", "squeeze", "contiguous", "max_pool2d",
     "dropout", "pad", "chunk", "split", "__getitem__", "to", "expand", "narrow", "clone", "detach", "__get__",
     "movedim",
     "channel_shuffle", "pixel_shuffle", "unflatten", "expand_as", "_max_pool2d", "dropout_", "feature_dropout"}
)  # fmt: skip
"""Functions that only move numbers (or pick some): what comes out lies on the grid of what went in."""

_CLAMPS = frozenset({"relu", "relu_", "relu6", "hardtanh", "hardtanh_", "clamp", "clamp_", "clamp_min"})
"""Activations that every runtime computes inside the operation before them: nothing is rounded in between."""

_HEADS = ("conv", "linear", "add", "__iadd__", "batch_norm")

LayerBitsOf = Callable[[str], LayerBits]


@dataclass(slots=True)
class Ranges:
    """Smallest and largest value of every tensor of one network, in order of computing; 0 lies between them.

    Parameters
    ----------
    ends
        ``(n, 2)``; the first row is the input's.
    layers
        The layer behind each tensor: the last one with weights that had begun when the tensor was computed.
    members
        By layer, the paths of the modules that run on its behalf: itself and the activations after it.
    """

    ends: torch.Tensor = field(default_factory=lambda: torch.zeros(0, 2))
    layers: list[str] = field(default_factory=list)
    members: dict[str, list[str]] = field(default_factory=dict)


def weighted_layers(model: "nn.Module") -> dict[str, "nn.Module"]:
    """Layers whose weights are rounded, by path: convolutions, transposed ones and linear layers."""
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    return {path: module for path, module in model.named_modules() if isinstance(module, _ConvNd | nn.Linear)}


def every_layer(bits: LayerBits) -> LayerBitsOf:
    """Give one pair of bit widths to all."""
    return lambda layer: bits


def one_layer(name: str, bits: LayerBits) -> LayerBitsOf:
    """Round one layer and leave the others float."""
    return lambda layer: bits if layer == name else FLOAT


def all_but(name: str, bits: LayerBits) -> LayerBitsOf:
    """Round every layer but one."""
    return lambda layer: FLOAT if layer == name else bits


def by_plan(plan: QuantizationPlan) -> LayerBitsOf:
    """Round as a plan says."""
    return plan.bits_of


def observe(model: "nn.Module", images: FloatArray, batch_size: int = 32) -> Ranges:
    """Ranges of every tensor of a folded network in evaluation mode, over ``(n, *spec.shape)`` images."""
    found = Ranges()
    with torch.no_grad():
        for block in torch.from_numpy(images).split(batch_size):
            Tape(model, found).run(block)
    return found


def rounded_logits(
    model: "nn.Module", images: FloatArray, ranges: Ranges, bits_of: LayerBitsOf, batch_size: int = 32
) -> FloatArray:
    """Outputs of a folded network of which the layers are rounded as `bits_of` says."""
    with torch.no_grad():
        blocks = torch.from_numpy(images).split(batch_size)
        rows = [Tape(model, ranges, bits_of=bits_of).run(block) for block in blocks]
    return torch.cat(rows).numpy()


class Tape(TorchFunctionMode):
    """Sees every function that a network calls; notes ranges, or rounds weights and what is read.

    A tensor is rounded when it is read, since only then it is known whether a clamp follows, and to the fewer bits of
    the layer that made it and the layer that reads it: a float layer between int8 ones is fed from int8.

    Parameters
    ----------
    bits_of
        Without it nothing is rounded, and `ranges` grows.
    decay
        While rounding, how much of the old ranges is kept when a batch is seen; None keeps them as they are.
    """

    def __init__(
        self, model: "nn.Module", ranges: Ranges, *, bits_of: LayerBitsOf | None = None, decay: float | None = None
    ) -> None:
        super().__init__()
        self.ranges, self.bits_of, self.decay = ranges, bits_of, decay
        self.layer, self.n_seen = "", 0
        self._model, self._hooks = model, []

    def __enter__(self) -> "Tape":
        layers = weighted_layers(self._model)
        for path, module in self._model.named_modules():
            if next(module.children(), None) is None and not isinstance(module, torch.nn.Identity):
                self._hooks.append(module.register_forward_pre_hook(self._enter(path, is_layer=path in layers)))
        super().__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        super().__exit__(*exc)
        for hook in self._hooks:
            hook.remove()

    def _enter(self, path: str, *, is_layer: bool) -> Callable[..., None]:
        def enter(module: Any, args: Any) -> None:
            if is_layer:
                self.layer = path
            members = self.ranges.members.setdefault(self.layer, [])
            if path not in members:
                members.append(path)

        return enter

    def run(self, images: torch.Tensor) -> torch.Tensor:
        """Run one batch; what the network returns is rounded too."""
        self.layer, self.n_seen = "", 0
        images = self._mark(images, "input")
        with self:
            outputs = self._model(images)
        return self._read(outputs, "output")

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function on what it reads, rounded."""
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if name in _MOVES:
            return _hand_on(func(*args, **kwargs), args)
        if self.bits_of is not None:
            args = tuple(self._read_all(value, name) for value in args)
            kwargs = {key: self._weight(value) if key == "weight" else value for key, value in kwargs.items()}
            if "conv" in name or name == "linear":
                args = (args[0], self._weight(args[1], name), *args[2:]) if len(args) > 1 else args
        out = func(*args, **kwargs)
        return self._mark(out, name) if isinstance(out, torch.Tensor) and out.is_floating_point() else out

    def _mark(self, tensor: torch.Tensor, name: str) -> torch.Tensor:
        """Number a tensor, and note its range."""
        i, found = self.n_seen, self.ranges
        self.n_seen += 1
        if self.bits_of is None or self.decay is not None:
            low, high = (end.detach().clamp(*limits) for end, limits in
                         zip(tensor.detach().aminmax(), ((None, 0.0), (0.0, None)), strict=True))  # fmt: skip
            now = torch.stack([low, high])
            if i == len(found.layers):
                found.layers.append(self.layer)
                found.ends = torch.cat([found.ends, now[None]])
            elif self.decay is None:
                found.ends[i] = torch.stack(
                    [torch.minimum(found.ends[i, 0], low), torch.maximum(found.ends[i, 1], high)]
                )
            else:
                found.ends[i] = found.ends[i] * self.decay + now * (1 - self.decay)
        tensor._bedside_mark = (i, name)  # type: ignore[attr-defined]
        return tensor

    def _read_all(self, value: Any, name: str) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(self._read(inner, name) for inner in value)
        return self._read(value, name)

    def _read(self, value: Any, name: str) -> Any:
        """What a function gets to see of one tensor."""
        mark = getattr(value, "_bedside_mark", None)
        if mark is None or self.bits_of is None:
            return value
        i, maker = mark
        if name in _CLAMPS and any(word in maker for word in _HEADS):
            return value
        bits = min(self.bits_of(self.ranges.layers[i]).activations, self.bits_of(self.layer).activations)
        return value if bits == 32 else round_activation(value, self.ranges.ends[i], bits)

    def _weight(self, weight: Any, name: str = "") -> Any:
        if self.bits_of is None or not isinstance(weight, torch.nn.Parameter):
            return weight
        bits = self.bits_of(self.layer).weights
        return weight if bits == 32 else round_weight(weight, bits, axis=1 if "transpose" in name else 0)


def _hand_on(out: Any, args: Any) -> Any:
    mark = next((m for value in args if (m := getattr(value, "_bedside_mark", None)) is not None), None)
    for tensor in out if isinstance(out, list | tuple) else (out,):
        if mark is not None and isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
            tensor._bedside_mark = mark  # type: ignore[attr-defined]
    return out
