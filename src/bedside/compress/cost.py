"""What a network will cost, on paper: no weights are trained and no file is made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bedside.base.task import TensorSpec
from bedside.runtime.devices import DeviceSpec
from bedside.train.architecture import Architecture, build

if TYPE_CHECKING:
    from torch import nn

_FILE_OVERHEAD_B = 4000
_LAYER_OVERHEAD_B = 600
"""Operator, tensor and shape records of one layer in a .tflite with short names."""
_CHANNEL_OVERHEAD_B = 12
"""Of each output channel: the weight's scale, the bias, and the bias's scale, 4 bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Multiply-accumulates and parameters counted; bytes and latency predicted from them."""

    mmacs: float
    n_parameters: int
    n_layers: int
    int8_kib: float
    fp32_kib: float
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCost:
    """One convolution or linear layer: what its cost follows from.

    Parameters
    ----------
    kernel
        Weights that join one input channel to one output channel.
    n_positions
        Places of the output map where the kernel is applied; of a layer that is used twice, both together.
    n_uses
        How often the layer runs in one pass.
    """

    name: str
    n_out: int
    n_in: int
    groups: int
    kernel: int
    n_positions: int
    n_uses: int = 1

    @property
    def n_weights(self) -> int:
        """Weights without the bias."""
        return self.n_out * (self.n_in // self.groups) * self.kernel

    @property
    def n_macs(self) -> int:
        """Multiply-accumulates of one image."""
        return self.n_weights * self.n_positions


def count_cost(architecture: Architecture, device: DeviceSpec) -> Cost:
    """Count one image's multiply-accumulates by running shapes through the network on torch's meta device."""
    import torch

    with torch.device("meta"):
        model = build(replace(architecture, pretrained=False), seed=0)
    return count_model(model, architecture.spec, device)


def count_model(model: "nn.Module", spec: TensorSpec, device: DeviceSpec) -> Cost:
    """Count a network that has been built, such as a pruned one; of one that folds, its thin form, which ships."""
    import torch

    from bedside.train.reparam import thinned

    with torch.device(next(model.parameters()).device):
        thin = thinned(model)
    return total_cost(layer_costs(thin, spec), sum(p.numel() for p in thin.parameters()), device)


def layer_costs(model: "nn.Module", spec: TensorSpec) -> tuple[LayerCost, ...]:
    """List the convolutions and linear layers that one image passes, in the order of their first use."""
    import torch
    from torch import nn

    network: Any = model
    names = {layer: name for name, layer in model.named_modules()}
    positions: dict[nn.Module, list[int]] = {}

    def count(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        is_map = isinstance(layer, nn.Conv2d)
        positions.setdefault(layer, []).append(output.numel() // output.shape[1] if is_map else 1)

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    was_training, place = model.training, next(model.parameters()).device
    with torch.no_grad():
        network.eval()(torch.zeros(1, *spec.shape, device=place))
    for hook in hooks:
        hook.remove()
    model.train(was_training)
    return tuple(_layer_cost(names[layer], layer, counted) for layer, counted in positions.items())


def _layer_cost(name: str, layer: Any, positions: list[int]) -> LayerCost:
    weight, groups = layer.weight, getattr(layer, "groups", 1)
    return LayerCost(
        name=name,
        n_out=weight.shape[0],
        n_in=weight.shape[1] * groups,
        groups=groups,
        kernel=weight[0, 0].numel(),
        n_positions=sum(positions),
        n_uses=len(positions),
    )


def total_cost(layers: Sequence[LayerCost], n_parameters: int, device: DeviceSpec) -> Cost:
    """Add layers up and predict the file and the latency."""
    mmacs = sum(layer.n_macs for layer in layers) / 1e6
    n_weights = sum(layer.n_weights for layer in layers)
    n_channels = sum(layer.n_out for layer in layers)
    n_uses = sum(layer.n_uses for layer in layers)
    overhead_b = _FILE_OVERHEAD_B + _LAYER_OVERHEAD_B * len(layers)
    return Cost(
        mmacs=mmacs,
        n_parameters=n_parameters,
        n_layers=n_uses,
        int8_kib=(n_weights + _CHANNEL_OVERHEAD_B * n_channels + overhead_b) / 1024,
        fp32_kib=(4 * (n_weights + n_channels) + overhead_b) / 1024,
        latency_ms=device.predict_latency_ms(mmacs, n_uses, "int8"),
    )
