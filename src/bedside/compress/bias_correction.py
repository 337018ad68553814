"""Bias correction (Nagel et al., ICCV 2019): what rounding weights shifts on average is taken back by the bias."""

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from bedside.base.arrays import FloatArray
from bedside.base.task import TensorSpec
from bedside.compress.folding import folded
from bedside.compress.quantization import QuantizationPlan
from bedside.compress.rounding import rounded_weight

if TYPE_CHECKING:
    from torch import Tensor, nn


def bias_corrected(
    model: "nn.Module", spec: TensorSpec, *, observed: FloatArray, plan: QuantizationPlan
) -> "nn.Module":
    """Return a copy, batch norms folded, whose biases cancel the expected error of every rounded layer.

    With the rounded weight ``Wq`` the error of channel ``c`` is ``E[Wq x - W x]`` over the layer's inputs on the
    observed images, all places and images alike; it is subtracted from the bias (section 4.2, the empirical form). The
    float function of the copy moves by that much: it is to be converted by the same plan, not shipped as float.
    Layers that the plan leaves float are left.

    Parameters
    ----------
    observed
        Preprocessed observation cases, ``(n, *spec.shape)``.

    Raises
    ------
    TraceError
        If the network cannot be captured.
    """
    from torch import nn

    copy = deepcopy(folded(model, spec))
    errors = expected_errors(copy, observed=observed, plan=plan)
    for path, error in errors.items():
        layer: Any = copy.get_submodule(path)
        old = 0 if layer.bias is None else layer.bias.detach()
        layer.bias = nn.Parameter(old - error)
    return copy


def expected_errors(model: "nn.Module", *, observed: FloatArray, plan: QuantizationPlan) -> "dict[str, Tensor]":
    """Mean error of each output channel that rounding a layer's weights alone would make, ``(C,)`` by path."""
    import torch

    sums: dict[str, Any] = {}
    counts: dict[str, int] = {}

    def watcher(path: str, difference: Any) -> Any:
        def watch(layer: Any, args: tuple[Any, ...], output: Any) -> None:
            error = _applied(layer, args[0], difference)
            axis = 1 if _is_convolution(layer) else -1
            flat = error.double().transpose(0, axis).flatten(1)
            sums[path] = sums.get(path, 0) + flat.sum(1)
            counts[path] = counts.get(path, 0) + flat.shape[1]

        return watch

    hooks = []
    for path, layer in model.named_modules():
        if _corrigible(layer) and not (bits := plan.bits_of(path)).is_float:
            n_bits = 8 if _is_depthwise(layer) else bits.weights
            difference = rounded_weight(layer, n_bits=n_bits) - layer.weight.detach()  # type: ignore[operator]
            hooks.append(layer.register_forward_hook(watcher(path, difference)))
    with torch.no_grad():
        for image in observed:
            model(torch.from_numpy(image[None]))
    for hook in hooks:
        hook.remove()
    return {path: (total / counts[path]).float() for path, total in sums.items()}


def _is_convolution(layer: Any) -> bool:
    from torch import nn

    return isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)


def _corrigible(layer: Any) -> bool:
    from torch import nn

    return _is_convolution(layer) or isinstance(layer, nn.Linear)


def _is_depthwise(layer: Any) -> bool:
    return getattr(layer, "groups", 1) > 1


def _applied(layer: Any, inputs: Any, weight: Any) -> Any:
    """The layer with another weight and no bias."""
    from torch.nn import functional

    if _is_convolution(layer):
        return layer._conv_forward(inputs, weight, None)
    return functional.linear(inputs, weight)
