"""Where a network is tapped: the last feature map of every stage."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from bedside.base.errors import RecipeError
from bedside.base.task import TensorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """A module whose output is a stage's map ``(N, n_channels, height_px, width_px)``."""

    name: str
    n_channels: int
    height_px: int
    width_px: int


@dataclass(frozen=True, slots=True)
class TapPair:
    """Maps that are compared; of one network's own, both are the same."""

    student: Tap
    teacher: Tap

    @property
    def grid_px(self) -> tuple[int, int]:
        """The smaller height and the smaller width: both maps are averaged to this grid."""
        student, teacher = self.student, self.teacher
        return min(student.height_px, teacher.height_px), min(student.width_px, teacher.width_px)


def stage_taps(model: nn.Module, spec: TensorSpec) -> tuple[Tap, ...]:
    """One tap for each size of map that an image meets, in order.

    Of all modules with a map of one size the outermost are taken (whole blocks rather than layers in them), and of
    those the one that runs last. The output of the network itself is none, nor are maps of a single pixel.

    Raises
    ------
    RecipeError
        If the network has no such map.
    """
    met: list[tuple[Tap, int, int]] = []
    hooks = [
        module.register_forward_hook(_noting(met, name))
        for name, module in model.named_modules()
        if name
    ]  # fmt: skip
    network: Any = model
    was_training = model.training
    with torch.no_grad():
        output = network.eval()(torch.zeros(2, *spec.shape))
    for hook in hooks:
        hook.remove()
    model.train(was_training)
    found: dict[tuple[int, int], tuple[Tap, int]] = {}
    for tap, depth, place in met:
        size = (tap.height_px, tap.width_px)
        if place != output.data_ptr() and (size not in found or depth <= found[size][1]):
            found[size] = (tap, depth)
    if not found:
        raise RecipeError(
            f"the network {type(model).__name__} has no feature maps (N, C, H, W) that could be compared",
            expected="a convolutional network of single images", hint="use plain distil, of soft answers",
        )  # fmt: skip
    return tuple(tap for tap, _ in found.values())


def _noting(met: list[tuple[Tap, int, int]], name: str) -> Any:
    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[0] == 2 and output[0, 0].numel() > 1:
            _, n_channels, height, width = output.shape
            tap = Tap(name=name, n_channels=n_channels, height_px=height, width_px=width)
            met.append((tap, name.count("."), output.data_ptr()))

    return note


def paired(student: tuple[Tap, ...], teacher: tuple[Tap, ...]) -> tuple[TapPair, ...]:
    """Give each of the student's taps the teacher's of the nearest height, the deeper one of two as near."""

    def apart(own: Tap, other: Tap) -> float:
        return abs(math.log(own.height_px / other.height_px))

    return tuple(TapPair(own, min(reversed(teacher), key=lambda other: apart(own, other))) for own in student)


class TapKeeper:
    """Keeps the last output of each tapped module, while it is attached."""

    def __init__(self, model: nn.Module, taps: tuple[Tap, ...]) -> None:
        self.maps: dict[str, torch.Tensor] = {}
        modules = dict(model.named_modules())
        self._hooks = [modules[tap.name].register_forward_hook(self._keep(tap.name)) for tap in taps]

    def _keep(self, name: str) -> Any:
        def keep(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
            self.maps[name] = output

        return keep

    def release(self) -> None:
        """Take the hooks away."""
        for hook in self._hooks:
            hook.remove()
        self.maps.clear()
