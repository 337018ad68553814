"""What a network costs at other widths, without building it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.compress.channels import ChannelGroup
from bedside.compress.cost import Cost, LayerCost, total_cost
from bedside.runtime.devices import DeviceSpec

Keep = Mapping[str, BoolArray]
"""For each group, which of its channels stay."""


@dataclass(frozen=True, slots=True)
class PaperWidths:
    """Layers of a network, and the groups that tie their channels."""

    layers: tuple[LayerCost, ...]
    groups: Mapping[str, ChannelGroup]
    device: DeviceSpec

    def at(self, keep: Keep) -> tuple[LayerCost, ...]:
        """Return the layers with the widths that are left."""
        gone_out, gone_in = self._gone(keep)
        return tuple(_narrowed(layer, gone_out.get(layer.name, 0), gone_in.get(layer.name, 0)) for layer in self.layers)

    def cost(self, keep: Keep) -> Cost:
        """Cost at the widths that are left; parameters are counted as weights and one bias a channel."""
        layers = self.at(keep)
        return total_cost(layers, sum(layer.n_weights + layer.n_out for layer in layers), self.device)

    def emptied(self, keep: Keep) -> str:
        """Name of a layer that would be left without channels, or an empty string."""
        return next((layer.name for layer in self.at(keep) if min(layer.n_out, layer.n_in) < 1), "")

    def macs_of_channels(self) -> dict[str, FloatArray]:
        """Multiply-accumulates that go with each single channel of each group, at the present widths."""
        by_name = {layer.name: layer for layer in self.layers}
        found = {}
        for name, group in self.groups.items():
            macs = np.zeros(group.n_channels)
            for member in group.members:
                if (layer := by_name.get(member.layer)) and member.side != "norm":
                    share = layer.n_macs / (layer.n_out if member.side == "out" else layer.n_in)
                    np.add.at(macs, member.root, share)
            found[name] = macs
        return found

    def _gone(self, keep: Keep) -> tuple[dict[str, int], dict[str, int]]:
        gone: dict[str, dict[str, int]] = {"out": {}, "in": {}}
        for name, kept in keep.items():
            for member in self.groups[name].members:
                if member.side != "norm":
                    counts = gone[member.side]
                    counts[member.layer] = counts.get(member.layer, 0) + int((~kept[member.root]).sum())
        return gone["out"], gone["in"]


def _narrowed(layer: LayerCost, gone_out: int, gone_in: int) -> LayerCost:
    if layer.groups > 1:  # depthwise: a channel is its own group
        n = layer.n_out - gone_out
        return replace(layer, n_out=n, n_in=n, groups=max(n, 1))
    return replace(layer, n_out=layer.n_out - gone_out, n_in=layer.n_in - gone_in)


def all_kept(groups: Mapping[str, ChannelGroup]) -> dict[str, BoolArray]:
    """Nothing is removed."""
    return {name: np.ones(group.n_channels, bool) for name, group in groups.items()}


def without(keep: Keep, blocks: Sequence[tuple[str, np.ndarray]]) -> dict[str, BoolArray]:
    """Remove blocks of channels, each ``(group, indices)``."""
    left = {name: kept.copy() for name, kept in keep.items()}
    for name, channels in blocks:
        left[name][channels] = False
    return left
