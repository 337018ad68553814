"""Heat maps that need gradients, for the float model: Grad-CAM++, integrated gradients; and occlusion beside them."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.errors import InputError
from bedside.base.seam import Requirement, Seam, require

_NEEDS = (Requirement("captum", "bedside[workshop]"),)
_BATCH = 16


class Explainer(Protocol):
    """Map images ``(n, C, H, W)`` for one class each, ``(n,)``: heat ``(n, H, W)`` in [0, 1]."""

    def __call__(self, model: nn.Module, images: FloatArray, classes: IntArray) -> FloatArray:
        """Return the maps; `model` is in evaluation mode and survives."""
        ...


EXPLAINERS: Seam[Explainer] = Seam(
    "bedside.explainers",
    {
        "grad-cam++": "bedside.train.explaining:grad_cam_plus_plus",
        "integrated-gradients": "bedside.train.explaining:integrated_gradients",
        "occlusion": "bedside.train.explaining:occlusion",
    },
)


def last_feature_layer(model: nn.Module, image: torch.Tensor) -> str:
    """Name of the last layer that still has a map: its output is ``(N, C, H, W)`` with more than one place.

    Blocks count as layers, so that where a block adds or joins branches the result of the whole block is found.

    Raises
    ------
    InputError
        If there is none, or the network goes on in tokens (a transformer).
    """
    maps: list[tuple[str, str]] = []

    def note(name: str):
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor) and (kind := _kind_of(output)):
                maps.append((name, kind))

        return hook

    hooks = [layer.register_forward_hook(note(name)) for name, layer in model.named_modules() if name]
    try:
        with torch.no_grad():
            model(image)
    finally:
        for hook in hooks:
            hook.remove()
    if not maps or maps[-1][1] != "map":
        raise InputError(
            f"{type(model).__name__} has no last feature map",
            expected="a convolutional network",
            hint="use integrated-gradients or occlusion",
        )
    return maps[-1][0]


def _kind_of(output: torch.Tensor) -> str:
    """What a layer hands on: a ``map`` of several places, a row of ``tokens``, or neither."""
    if output.ndim == 4 and output.shape[2] * output.shape[3] > 1:
        return "map"
    return "tokens" if output.ndim == 3 and output.shape[1] > 1 else ""


def log_odds(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Log-odds of one class each against all others, ``(n,)``: unlike a probability they do not saturate."""
    own = logits.gather(1, classes[:, None])[:, 0]
    others = logits.scatter(1, classes[:, None], -torch.inf)
    return own - torch.logsumexp(others, dim=1)


def grad_cam_plus_plus(model: nn.Module, images: FloatArray, classes: IntArray) -> FloatArray:
    """Grad-CAM++ (Chattopadhay et al., WACV 2018, equations 10, 13 and 19) at the last feature map.

    With the score ``exp(S)`` the second and third derivatives are powers of the first, ``g``, and the weight of a
    channel ``A_k`` is ``w_k = sum_ij alpha_k^ij relu(g_k^ij)`` with ``alpha = g^2 / (2 g^2 + g^3 sum_ab A_k^ab)``. The
    map is ``relu(sum_k w_k A_k)``; the factor ``exp(S)`` cancels when it is scaled to 1. S are the log-odds. The paper
    has rectified features; where a network's are not, a negative sum counts as 0, which keeps alpha between 0 and 1/2.
    """
    name = last_feature_layer(model.eval(), _tensor(images[:1]))
    layer, held = model.get_submodule(name), {}
    hook = layer.register_forward_hook(lambda _, __, output: held.update(features=output))
    try:
        rows = [_cam(model, held, *block) for block in _blocks(images, classes)]
    finally:
        hook.remove()
    return _scaled(np.concatenate(rows))


def _cam(model: nn.Module, held: dict[str, torch.Tensor], images: torch.Tensor, classes: torch.Tensor) -> FloatArray:
    with torch.enable_grad():
        score = log_odds(model(images.requires_grad_()), classes).sum()
        features = held["features"]
        (slope,) = torch.autograd.grad(score, features)
    features = features.detach()
    mass = features.sum(dim=(2, 3), keepdim=True).clamp(min=0)
    alpha = 1 / (2 + functional.relu(slope) * mass)  # of positive slopes, where g^2 cancels; the others weigh nothing
    weight = (alpha * functional.relu(slope)).sum(dim=(2, 3), keepdim=True)
    heat = functional.relu((weight * features).sum(dim=1, keepdim=True))
    whole = functional.interpolate(heat, size=images.shape[2:], mode="bilinear", align_corners=False)
    return whole[:, 0].numpy()


def integrated_gradients(
    model: nn.Module, images: FloatArray, classes: IntArray, *, n_steps: int = 32
) -> FloatArray:  # fmt: skip
    """Integrated gradients (Sundararajan, Taly and Yan, ICML 2017) of the log-odds, from the image's mean.

    The channels are added up; what speaks against the class is left out, as in the other maps.
    """
    require("integrated gradients", _NEEDS)
    from captum.attr import IntegratedGradients

    method, rows = IntegratedGradients(_class_score(model)), []
    for batch, chosen in _blocks(images, classes):
        found = method.attribute(
            batch, baselines=_mean_of(batch), additional_forward_args=(chosen,), n_steps=n_steps,
            internal_batch_size=4 * _BATCH,
        )  # fmt: skip
        rows.append(found.detach().sum(dim=1).clamp(min=0).numpy())
    return _scaled(np.concatenate(rows))


def occlusion(model: nn.Module, images: FloatArray, classes: IntArray) -> FloatArray:
    """Occlusion (Zeiler and Fergus, ECCV 2014) of the log-odds: windows of a fifth of the side, half overlapping."""
    require("occlusion of the float model", _NEEDS)
    from captum.attr import Occlusion

    n_channels, height, width = images.shape[1:]
    window = (n_channels, max(2, height // 5), max(2, width // 5))
    strides = (n_channels, max(1, window[1] // 2), max(1, window[2] // 2))
    method, rows = Occlusion(_class_score(model)), []
    for batch, chosen in _blocks(images, classes):
        with torch.no_grad():
            found = method.attribute(
                batch, sliding_window_shapes=window, strides=strides, baselines=_mean_of(batch),
                additional_forward_args=(chosen,), perturbations_per_eval=4,
            )  # fmt: skip
        rows.append(found.mean(dim=1).clamp(min=0).numpy())
    return _scaled(np.concatenate(rows))


def _class_score(model: nn.Module) -> Any:
    """Return the log-odds of the classes that are handed in, as the callable that captum wants."""
    model.eval()
    return lambda images, classes: log_odds(model(images), classes)


def _blocks(images: FloatArray, classes: IntArray) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for start in range(0, len(images), _BATCH):
        rows = slice(start, start + _BATCH)
        yield _tensor(images[rows]), torch.from_numpy(np.asarray(classes[rows], np.int64))


def _tensor(images: FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.array(images, np.float32))


def _mean_of(images: torch.Tensor) -> torch.Tensor:
    return images.mean(dim=(2, 3), keepdim=True).expand_as(images)


def _scaled(maps: FloatArray) -> FloatArray:
    """Scale each map's largest value to 1; a map of nothing stays 0."""
    top = maps.max(axis=(1, 2), keepdims=True)
    return np.where(top > 1e-12, maps / np.where(top > 1e-12, top, 1), 0).astype(np.float64)
