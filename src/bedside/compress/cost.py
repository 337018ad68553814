"""What a network will cost, on paper: no weights are trained and no file is made."""

from dataclasses import dataclass, replace
from typing import Any

from bedside.runtime.devices import DeviceSpec
from bedside.train.architecture import Architecture, build

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


def count_cost(architecture: Architecture, device: DeviceSpec) -> Cost:
    """Count one image's multiply-accumulates by running shapes through the network on torch's meta device."""
    import torch
    from torch import nn

    with torch.device("meta"):
        model = build(_without_weights(architecture), seed=0).eval()
    network: Any = model
    macs: list[int] = []

    def count(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        positions = output.numel() // output.shape[1] if isinstance(layer, nn.Conv2d) else 1
        macs.append(sum(weight.numel() for weight in layer.parameters(recurse=False) if weight.ndim > 1) * positions)

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        network(torch.zeros(1, *architecture.spec.shape, device="meta"))
    for hook in hooks:
        hook.remove()
    n_parameters = sum(p.numel() for p in model.parameters())
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    n_weights = sum(layer.weight.numel() for layer in layers)
    n_channels = sum(layer.weight.shape[0] for layer in layers)
    overhead_b = _FILE_OVERHEAD_B + _LAYER_OVERHEAD_B * len(layers)
    return Cost(
        mmacs=sum(macs) / 1e6,
        n_parameters=n_parameters,
        n_layers=len(macs),
        int8_kib=(n_weights + _CHANNEL_OVERHEAD_B * n_channels + overhead_b) / 1024,
        fp32_kib=(4 * (n_weights + n_channels) + overhead_b) / 1024,
        latency_ms=device.predict_latency_ms(sum(macs) / 1e6, len(macs), "int8"),
    )


def _without_weights(architecture: Architecture) -> Architecture:
    return replace(architecture, pretrained=False)
