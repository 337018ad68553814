"""Cross-layer equalization (Nagel et al., ICCV 2019): channels of neighbouring layers share their range evenly."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedside.base.arrays import FloatArray
from bedside.base.task import TensorSpec
from bedside.compress.folding import folded
from bedside.compress.wiring import Wiring, wiring_of

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.fx import Node

_PASSES = frozenset({"relu", "dropout", "feature_dropout", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d",
                     "adaptive_max_pool2d", "contiguous"})  # fmt: skip
"""Operations with ``f(s x) = s f(x)`` for ``s > 0``, channel by channel."""
_CLIP = 6.0
_N_ROUNDS = 20
_TOLERANCE_FRAC = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPair:
    """A layer, and the one that alone reads it.

    Parameters
    ----------
    clips
        Whether a ReLU6 lies between.
    """

    first: str
    second: str
    clips: bool


def layer_pairs(model: "nn.Module", spec: TensorSpec) -> tuple[LayerPair, ...]:
    """Pairs of convolutions (full or depthwise) and linear layers with nothing between that scaling would change.

    Between them lie ReLU, ReLU6, pooling or dropout, and no other layer reads on the way. Convolutions in groups that
    are not depthwise, and linear layers after a flattened map, are left out.
    """
    wiring, layers = wiring_of(model, spec), dict(model.named_modules())
    found = []
    for node, path in wiring.layer_of.items():
        second, clips = _next_layer(wiring, node)
        if second is not None and _scalable(layers[path]) and _fits(layers[path], layers[second]):
            found.append(LayerPair(first=path, second=second, clips=clips))
    return tuple(found)


def equalized(model: "nn.Module", spec: TensorSpec, *, observed: FloatArray | None = None) -> "nn.Module":
    """Return a copy, batch norms folded, in which each pair's weight ranges are equal channel by channel.

    With the range ``r1`` of a channel's weights in the first layer and ``r2`` of those that read it in the second, the
    first is divided and the second multiplied by ``s = sqrt(r1 / r2)``; pairs are gone through until the scales settle.
    The function is the same, for ReLU and pooling commute with a positive scale.

    ReLU6 does not: it would clip at another value. A channel before a ReLU6 is scaled only if the observed images never
    bring it to 6, and never so that it would come above 6; so the function is the same on those images. Without
    images pairs with ReLU6 are left as they are.

    Parameters
    ----------
    observed
        Preprocessed observation cases, ``(n, *spec.shape)``.

    Raises
    ------
    TraceError
        If the network cannot be captured.
    """
    copy = deepcopy(folded(model, spec))
    pairs = layer_pairs(copy, spec)
    peaks = {} if observed is None else _peaks(copy, {pair.first for pair in pairs if pair.clips}, observed)
    for _ in range(_N_ROUNDS):
        moved = [_equalize(copy, pair, peaks) for pair in pairs if not pair.clips or pair.first in peaks]
        if not moved or max(moved) < _TOLERANCE_FRAC:
            break
    return copy


def _next_layer(wiring: Wiring, node: "Node") -> tuple[str | None, bool]:
    clips = False
    at = wiring.only_reader(node)
    while at is not None:
        if at in wiring.layer_of:
            return (None if wiring.kind(at) == "batch_norm" else wiring.layer_of[at]), clips
        if wiring.kind(at) == "relu6" or (wiring.kind(at) == "hardtanh" and tuple(at.args[1:]) == (0.0, 6.0)):
            clips = True
        elif wiring.kind(at) not in _PASSES:
            break
        at = wiring.only_reader(at)
    return None, clips


def _scalable(layer: Any) -> bool:
    from torch import nn

    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return layer.groups == 1 or layer.groups == layer.in_channels == layer.out_channels
    return isinstance(layer, nn.Linear)


def _fits(first: Any, second: Any) -> bool:
    reads = getattr(second, "in_channels", None) or getattr(second, "in_features", None)
    writes = getattr(first, "out_channels", None) or getattr(first, "out_features", None)
    return _scalable(second) and reads == writes


def _equalize(model: Any, pair: LayerPair, peaks: "Mapping[str, Tensor]") -> float:
    """Scale one pair in place; return by how much, as the largest share that a channel moved."""
    import torch
    from torch import nn

    first, second = model.get_submodule(pair.first), model.get_submodule(pair.second)
    is_depthwise = getattr(second, "groups", 1) > 1
    with torch.no_grad():
        r1 = first.weight.abs().flatten(1).amax(1)
        read = second.weight if is_depthwise else second.weight.transpose(0, 1)
        r2 = read.abs().flatten(1).amax(1)
        scale = torch.where((r1 > 0) & (r2 > 0), (r1 / r2.clamp_min(1e-30)).sqrt(), torch.ones_like(r1))
        scale = scale.clamp(1e-4, 1e4)
        if pair.clips:
            peak = peaks[pair.first]
            scale = torch.where(peak < _CLIP, torch.maximum(scale, peak / _CLIP), torch.ones_like(scale))
            peak.div_(scale)
        first.weight = nn.Parameter(first.weight / _along(scale, first.weight, axis=0))
        if first.bias is not None:
            first.bias = nn.Parameter(first.bias / scale)
        second.weight = nn.Parameter(second.weight * _along(scale, second.weight, axis=0 if is_depthwise else 1))
    return float((scale - 1).abs().max())


def _along(scale: "Tensor", weight: "Tensor", *, axis: int) -> "Tensor":
    return scale.reshape([-1 if i == axis else 1 for i in range(weight.ndim)])


def _peaks(model: Any, names: set[str], observed: FloatArray) -> "dict[str, Tensor]":
    """Largest output of every channel of some layers over the observed images, ``(C,)`` each."""
    import torch

    peaks: dict[str, Any] = {}

    def watcher(name: str) -> Any:
        def watch(layer: Any, args: Any, output: Any) -> None:
            axis = 1 if output.ndim > 2 else -1
            top = output.transpose(0, axis).flatten(1).amax(1).clamp_min(0)
            peaks[name] = torch.maximum(peaks[name], top) if name in peaks else top.clone()

        return watch

    hooks = [model.get_submodule(name).register_forward_hook(watcher(name)) for name in names]
    with torch.no_grad():
        for image in observed:
            model(torch.from_numpy(image[None]))
    for hook in hooks:
        hook.remove()
    return peaks
