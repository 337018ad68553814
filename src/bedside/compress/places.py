"""Where in a case the places of a layer's map lie: of an image, of a clip's frames, of a volume's planes and lines.

Networks of clips see their frames as a batch of images, ``(N * T, C, H, W)``. Those of volumes are made of 2-D
operations (`bedside.train.volume_blocks`): a map is one of planes, ``(N * D, C, H, W)``, or of lines across them,
``(N, C, D, H * W)``.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bedside.base.task import TensorSpec
from bedside.compress.foreground import foreground_of

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Layout:
    """How the places of a map ``(M, C, a, b)`` lie: `sides` are ``(h, w)``, of a volume ``(d, h, w)``."""

    sides: tuple[int, ...]
    kind: Literal["images", "planes", "lines"] = "images"

    def unfolded(self, value: "torch.Tensor") -> "torch.Tensor":
        """Bring a map to ``(m, C, *sides)``: m counts images, frames or volumes."""
        if self.kind == "planes":
            return value.unflatten(0, (-1, self.sides[0])).movedim(1, 2)
        return value.unflatten(3, self.sides[1:]) if self.kind == "lines" else value

    def folded(self, value: "torch.Tensor") -> "torch.Tensor":
        """Turn `unfolded` back."""
        if self.kind == "planes":
            return value.movedim(2, 1).flatten(0, 1)
        return value.flatten(3) if self.kind == "lines" else value


def layout_of(shape: tuple[int, ...], n_cases: int, spec: TensorSpec) -> Layout:
    """Tell the layout of a map of ``(M, C, a, b)``, of a network whose sides shrink alike.

    Examples
    --------
    >>> spec = TensorSpec(n_channels=1, depth_px=16, height_px=24, width_px=16)
    >>> layout_of((4 * 8, 5, 12, 8), 4, spec), layout_of((4, 5, 8, 96), 4, spec)
    (Layout(sides=(8, 12, 8), kind='planes'), Layout(sides=(8, 12, 8), kind='lines'))
    """
    n_maps, _, first, second = shape
    if spec.depth_px is None:
        return Layout((first, second))
    shrunk = math.isqrt(max(1, spec.height_px * spec.width_px // second))
    sides = (first, spec.height_px // shrunk, spec.width_px // shrunk)
    if n_maps == n_cases and first <= spec.depth_px and sides[1] * sides[2] == second:
        return Layout(sides, "lines")
    return Layout((n_maps // n_cases, first, second), "planes")


def case_foreground(pixels: np.ndarray, spec: TensorSpec) -> "torch.Tensor":
    """Where the patient is, ``(n, 1, H, W)`` or ``(n, 1, D, H, W)`` in {0, 1}; of clips ``(n * T, 1, H, W)``.

    Parameters
    ----------
    pixels
        ``(n, *spec.shape)`` uint8; of a volume each has one threshold for all of its planes.
    """
    import torch

    frames = pixels.reshape(-1, *pixels.shape[2:]) if spec.n_frames is not None else pixels
    return torch.from_numpy(foreground_of(frames))[:, None]


def pooled(values: "torch.Tensor", sides: tuple[int, ...]) -> "torch.Tensor":
    """Mean of ``(m, C, ...)`` over what each place of a smaller map of `sides` covers."""
    from torch.nn import functional

    pool: Any = functional.adaptive_avg_pool2d if len(sides) == 2 else functional.adaptive_avg_pool3d
    return pool(values, sides)


def place_weights(
    pixels: np.ndarray, spec: TensorSpec, maps: "list[torch.Tensor]", *, floor: float
) -> dict[tuple[int, ...], "torch.Tensor"]:
    """Weights of mean 1 for each size of map, ``(m, 1, *sides)``: foreground times one plus lesion saliency, floored.

    Saliency is the absolute evidence of all channels at a place, on the smallest map that is still 4 px wide: there
    the network has put together what it decides by.

    Parameters
    ----------
    maps
        Evidence ``(m, C, *sides)`` of each layer, unfolded.
    floor
        Weight of a place of pure background against one of foreground.
    """
    import torch
    from torch.nn.functional import interpolate

    wide = {tuple(change.shape[2:]) for change in maps if change.ndim > 2 and min(change.shape[2:]) >= 4}
    if not wide:
        return {}
    smallest = min(wide)
    across = tuple(range(2, 2 + len(smallest)))
    evidence = [change.sum(1, keepdim=True).abs() for change in maps if tuple(change.shape[2:]) == smallest]
    saliency = torch.stack([e / (e.mean(across, keepdim=True) + 1e-12) for e in evidence]).mean(0)
    foreground = case_foreground(pixels, spec)
    weights = {}
    for size in wide:
        lesion = interpolate(
            saliency, size=size, mode="bilinear" if len(size) == 2 else "trilinear", align_corners=False
        )
        place = floor + (1 - floor) * pooled(foreground, size) * 0.5 * (1 + lesion)
        weights[size] = place / place.mean(across, keepdim=True)
    return weights
