"""Our criterion: what a channel adds to the diagnosis, measured where diagnosis happens, a unit of cost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.compress.channels import ChannelGroup, Channels
from bedside.compress.criteria import Sample, draw_rows
from bedside.compress.foreground import foreground_of
from bedside.compress.margins import margins
from bedside.compress.paper_widths import PaperWidths
from bedside.compress.strata import strata_of

if TYPE_CHECKING:
    import torch

FLOOR = 0.25
"""Weight of a pixel of pure background against one of foreground: context is not nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """First-order change of the decision when a channel goes, in shares of its group's evidence, over its cost.

    For an image of class k with the margin ``m = logit_k - logsumexp(other logits)`` (of other kinds of task see
    `bedside.compress.margins`), a channel's evidence is ``e = |sum over readers and places of w * a * dm/da|``: the
    activation ``a`` is what the layers that read the channel get, and ``w`` weights places. The importance is the mean
    of ``e`` over each class (`bedside.compress.strata`), then over classes; divided by its sum over the group, and by
    the multiply-accumulates that go with the channel to the power of `cost_power`.

    Parameters
    ----------
    weighted
        Whether places count by foreground and by the network's own lesion saliency, or all alike.
    balanced
        Whether each class counts alike, however rare, or each image.
    cost_power
        0 ranks by evidence alone, 1 by evidence a multiply-accumulate.
    """

    weighted: bool = True
    balanced: bool = True
    cost_power: float = 0.5

    def __call__(self, channels: Channels, paper: PaperWidths, sample: Sample) -> dict[str, FloatArray]:
        """Score every group."""
        rows, strata = sample.rows, strata_of(sample.data.development_targets, sample.data.kind)
        if self.balanced:
            rows = draw_rows(strata, len(rows), seed=sample.seed, balanced=True)
        evidence = _evidence(channels, sample, rows, weighted=self.weighted)
        labels = strata[rows]
        macs, whole = paper.macs_of_channels(), sum(layer.n_macs for layer in paper.layers)
        scores = {}
        for name, of_image in evidence.items():
            mean = _class_mean(of_image, labels) if self.balanced else of_image.mean(0)
            share = mean / max(mean.sum(), 1e-30)
            scores[name] = share / np.maximum(macs[name] / whole, 1e-12) ** self.cost_power
        return scores


def _class_mean(of_image: FloatArray, labels: np.ndarray) -> FloatArray:
    return np.mean([of_image[labels == k].mean(0) for k in np.unique(labels)], axis=0)


def _evidence(channels: Channels, sample: Sample, rows: np.ndarray, *, weighted: bool) -> dict[str, FloatArray]:
    """Evidence of every channel of every group on each image, ``(n, n_channels)`` by group."""
    import torch

    from bedside.train.fitting import as_batch

    data, network = sample.data, channels.model
    layers = dict(network.named_modules())
    readers = {member.layer for group in channels.groups.values() for member in group.on("in")}
    parts: dict[str, list[FloatArray]] = {name: [] for name in channels.groups}
    for block in np.array_split(rows, max(1, len(rows) // 64)):
        pixels = data.development[block]
        read: dict[str, torch.Tensor] = {}
        hooks = [layers[name].register_forward_pre_hook(_keeper(read, name)) for name in sorted(readers)]
        try:
            with torch.enable_grad():
                logits = network(as_batch(data.preprocess.normalize(pixels)))
                decided = margins(logits, torch.from_numpy(data.development_targets[block]), data.kind)
                slopes = torch.autograd.grad(decided.sum(), list(read.values()), allow_unused=True)
        finally:
            for hook in hooks:
                hook.remove()
        maps = {
            name: (value * slope).detach()
            for (name, value), slope in zip(read.items(), slopes, strict=True)
            if slope is not None
        }
        places = _place_weights(pixels, maps) if weighted else {}
        for name, group in channels.groups.items():
            parts[name].append(_of_group(group, maps, places, len(block)))
    return {name: np.concatenate(blocks) for name, blocks in parts.items()}


def _keeper(read: dict[str, "torch.Tensor"], name: str) -> Any:
    def keep(layer: Any, inputs: tuple["torch.Tensor", ...]) -> None:
        read[name] = inputs[0]

    return keep


def _of_group(
    group: ChannelGroup, maps: dict[str, "torch.Tensor"], places: dict[tuple[int, int], "torch.Tensor"], n_images: int
) -> FloatArray:
    total = np.zeros((n_images, group.n_channels))
    for member in group.on("in"):
        if (change := maps.get(member.layer)) is None:
            continue
        if change.ndim == 4 and (weights := places.get((change.shape[2], change.shape[3]))) is not None:
            change = change * weights
        flat = change.flatten(2).sum(2) if change.ndim > 2 else change
        for image, value in zip(total, flat.double().numpy()[:, member.local], strict=True):
            np.add.at(image, member.root, value)
    return np.abs(total)


def _place_weights(pixels: np.ndarray, maps: dict[str, "torch.Tensor"]) -> dict[tuple[int, int], "torch.Tensor"]:
    """Weights of mean 1 for each size of map, ``(n, 1, H, W)``: foreground times one plus lesion saliency, floored.

    Saliency is the absolute evidence of all channels at a place, on the smallest map that is still 4 px wide: there
    the network has put together what it decides by.
    """
    import torch
    from torch.nn.functional import adaptive_avg_pool2d, interpolate

    sizes = {(change.shape[2], change.shape[3]) for change in maps.values() if change.ndim == 4}
    wide = {size for size in sizes if min(size) >= 4}
    if not wide:
        return {}
    smallest = min(wide)
    evidence = [c.sum(1, keepdim=True).abs() for c in maps.values() if tuple(c.shape[2:]) == smallest]
    saliency = torch.stack([e / (e.mean((2, 3), keepdim=True) + 1e-12) for e in evidence]).mean(0)
    foreground = torch.from_numpy(foreground_of(pixels))[:, None]
    weights = {}
    for size in wide:
        lesion = interpolate(saliency, size=size, mode="bilinear", align_corners=False)
        place = FLOOR + (1 - FLOOR) * adaptive_avg_pool2d(foreground, size) * 0.5 * (1 + lesion)
        weights[size] = place / place.mean((2, 3), keepdim=True)
    return weights


DIAGNOSTIC = Diagnostic()
UNWEIGHTED = Diagnostic(weighted=False)
UNBALANCED = Diagnostic(balanced=False)
COSTLESS = Diagnostic(cost_power=0.0)
