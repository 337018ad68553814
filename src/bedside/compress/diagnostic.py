"""Our criterion: what a channel adds to the diagnosis, measured where diagnosis happens, a unit of cost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.task import TensorSpec
from bedside.compress.channels import ChannelGroup, Channels
from bedside.compress.criteria import Sample, draw_rows
from bedside.compress.margins import margins
from bedside.compress.paper_widths import PaperWidths
from bedside.compress.places import layout_of, place_weights
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
    """Evidence of every channel of every group on each case, ``(n, n_channels)`` by group."""
    import torch

    from bedside.train.fitting import as_batch, at_once

    data, network = sample.data, channels.model
    spec = data.preprocess.spec
    layers = dict(network.named_modules())
    readers = {member.layer for group in channels.groups.values() for member in group.on("in")}
    parts: dict[str, list[FloatArray]] = {name: [] for name in channels.groups}
    for block in np.array_split(rows, max(1, -(-len(rows) // at_once(spec.shape, 64)))):
        pixels = data.development[block]
        read: list[tuple[str, torch.Tensor]] = []
        hooks = [layers[name].register_forward_pre_hook(_keeper(read, name)) for name in sorted(readers)]
        try:
            with torch.enable_grad():
                logits = network(as_batch(data.preprocess.normalize(pixels)))
                decided = margins(logits, torch.from_numpy(data.development_targets[block]), data.kind)
                slopes = torch.autograd.grad(decided.sum(), [value for _, value in read], allow_unused=True)
        finally:
            for hook in hooks:
                hook.remove()
        maps = [
            (name, _unfolded((value * slope).detach(), len(block), spec))
            for (name, value), slope in zip(read, slopes, strict=True)
            if slope is not None
        ]
        places = place_weights(pixels, spec, [change for _, change in maps], floor=FLOOR) if weighted else {}
        of_layer = _of_layers(maps, places, len(block))
        for name, group in channels.groups.items():
            parts[name].append(_of_group(group, of_layer, len(block)))
    return {name: np.concatenate(blocks) for name, blocks in parts.items()}


def _keeper(read: list[tuple[str, "torch.Tensor"]], name: str) -> Any:
    """Keep what a layer reads, once for each time that it runs; a state before the first frame tells nothing."""

    def keep(layer: Any, inputs: tuple["torch.Tensor", ...]) -> None:
        if inputs[0].requires_grad:
            read.append((name, inputs[0]))

    return keep


def _unfolded(change: "torch.Tensor", n_cases: int, spec: TensorSpec) -> "torch.Tensor":
    return layout_of(tuple(change.shape), n_cases, spec).unfolded(change) if change.ndim == 4 else change


def _of_layers(
    maps: list[tuple[str, "torch.Tensor"]], places: dict[tuple[int, ...], "torch.Tensor"], n_cases: int
) -> dict[str, FloatArray]:
    """Evidence that each layer reads from each of its channels, over places, frames and runs, ``(n_cases, C)``."""
    total: dict[str, FloatArray] = {}
    for name, change in maps:
        if (weights := places.get(tuple(change.shape[2:]))) is not None:
            change = change * weights
        flat = change.flatten(2).sum(2) if change.ndim > 2 else change
        found = flat.double().unflatten(0, (n_cases, -1)).sum(1).numpy()
        total[name] = total[name] + found if name in total else found
    return total


def _of_group(group: ChannelGroup, of_layer: dict[str, FloatArray], n_cases: int) -> FloatArray:
    total = np.zeros((n_cases, group.n_channels))
    for member in group.on("in"):
        if (found := of_layer.get(member.layer)) is None:
            continue
        for case, value in zip(total, found[:, member.local], strict=True):
            np.add.at(case, member.root, value)
    return np.abs(total)


DIAGNOSTIC = Diagnostic()
UNWEIGHTED = Diagnostic(weighted=False)
UNBALANCED = Diagnostic(balanced=False)
COSTLESS = Diagnostic(cost_power=0.0)
