"""Which channels of which layers must go together: Torch-Pruning's dependency graphs; the only file that knows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import TraceError
from bedside.base.seam import Requirement, require
from bedside.base.task import TensorSpec

if TYPE_CHECKING:
    from torch import nn

REQUIRES = (Requirement("torch_pruning", "torch-pruning>=1.6.1"),)
LibraryCriterion = Literal["random", "l1", "l2", "bn_scale", "taylor", "fpgm", "lamp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One side of one layer in a group.

    Parameters
    ----------
    side
        ``out``: the layer writes the channels; ``in``: it reads them; ``norm``: it scales them one by one.
    local, root
        Channel indices in the layer and, at the same places, in the group; ``(k,)`` each. A layer that reads a
        flattened map has several local indices to one root.
    """

    layer: str
    side: Literal["out", "in", "norm"]
    local: IntArray = field(repr=False)
    root: IntArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelGroup:
    """Channels that can only be removed together, such as those on both sides of a residual link."""

    name: str
    n_channels: int
    members: tuple[Member, ...]

    def on(self, side: str) -> tuple[Member, ...]:
        """Members of one side."""
        return tuple(member for member in self.members if member.side == side)


@dataclass(frozen=True, slots=True)
class Channels:
    """The prunable groups of one network, by name; `model` is the network that `remove` changes."""

    model: "nn.Module"
    groups: dict[str, ChannelGroup]
    graph: Any = field(repr=False)
    library_groups: dict[str, Any] = field(repr=False)

    def library_scores(self, criterion: LibraryCriterion, *, seed: int) -> dict[str, FloatArray]:
        """Importance of each group's channels by one of Torch-Pruning's own criteria, at its defaults.

        ``taylor`` needs gradients of the loss in the weights. Groups that the criterion says nothing of (a scale of
        batch norm where there is none) count as average.
        """
        import torch

        torch.manual_seed(seed)
        judge = _library_criterion(criterion)
        scores = {name: judge(group) for name, group in self.library_groups.items()}
        return {
            name: np.ones(self.groups[name].n_channels) if found is None else found.double().numpy()
            for name, found in scores.items()
        }

    def remove(self, keep: Mapping[str, BoolArray]) -> None:
        """Take out the channels whose `keep` is false, with everything that hangs on them."""
        for name, kept in keep.items():
            root = self.library_groups[name][0].dep
            if gone := np.flatnonzero(~kept).tolist():
                self.graph.get_pruning_group(root.layer, root.pruning_fn, gone).prune()


def trace_channels(model: "nn.Module", spec: TensorSpec) -> Channels:
    """Trace a network and list its prunable groups.

    Left whole are the outputs of the network, grouped convolutions that are not depthwise, group norms of several
    groups, attention, torch's recurrent layers, weights that belong to no layer, and what a layer reads only in part
    from channels that can be followed, such as those that a clip network shifts in time.

    Raises
    ------
    TraceError
        If the network cannot be run or traced; the layer is named.
    """
    import warnings

    import torch

    require("pruning", REQUIRES)
    import torch_pruning

    from bedside.train.exits import answers_of
    from bedside.train.volume_blocks import joined_along_one, logit_layers

    model.eval()
    with warnings.catch_warnings(), torch.enable_grad(), joined_along_one(model):
        warnings.simplefilter("ignore")
        try:
            graph = torch_pruning.DependencyGraph().build_dependency(
                model,
                torch.zeros(1, *spec.shape),
                forward_fn=answers_of,  # type: ignore[arg-type]  # it takes several outputs
                verbose=False,
                customized_pruners=_left_whole(),
            )
            found = list(graph.get_all_groups(ignored_layers=logit_layers(model)))
        except Exception as error:  # a stranger's network raises whatever it likes
            raise TraceError(
                f"the network cannot be traced: {type(error).__name__}: {error}",
                expected=f"a module that maps (1, {', '.join(map(str, spec.shape))}) to (1, K)",
                hint="run it on such an input, and look at the layer that the message names",
            ) from error
    names = {layer: name for name, layer in model.named_modules()}
    lost = _partly_followed(found)
    prunable = [g for g in found if _prunable(g, names) and not any(dep.layer in lost for dep, _ in g)]
    library = {names[group[0].dep.layer]: group for group in prunable}
    groups = {name: _group(name, group, names) for name, group in library.items()}
    read = {name: group for name, group in groups.items() if group.on("in")}  # what no layer reads is the output
    return Channels(model, read, graph, {name: library[name] for name in read})


def _left_whole() -> dict[Any, Any]:
    """Pass channels on through layers of gates that do not hold them, without touching those layers."""
    from torch_pruning import ops

    from bedside.train.blind import BLIND

    return {kind: ops.DummyPruner() for kind in BLIND}


def _prunable(group: Any, names: Mapping[Any, str]) -> bool:
    from torch import nn
    from torch_pruning import ops

    kinds = ops.OPTYPE
    refused = {kinds.OUTPUT, kinds.PARAMETER, kinds.MHA, kinds.LSTM, kinds.EMBED}
    for place, (dependency, _) in enumerate(group):
        layer = dependency.layer
        if dependency.target.type in refused or None in group[place].root_idxs:
            return False
        if isinstance(layer, nn.Conv2d) and layer.groups > 1 and layer.groups != layer.out_channels:
            return False
        if isinstance(layer, nn.GroupNorm) and layer.num_groups > 1:
            return False
    return group[0].dep.layer in names


def _partly_followed(groups: list[Any]) -> set[Any]:
    """Layers that read some channels of known groups and some of none: the graph has lost those on their way."""
    read: dict[Any, set[int]] = {}
    for group in groups:
        for dependency, indices in group:
            if _side(dependency) == "in":
                read.setdefault(dependency.layer, set()).update(indices)
    return {layer for layer, found in read.items() if len(found) < _n_inputs(layer)}


def _n_inputs(layer: Any) -> int:
    return layer.in_channels if hasattr(layer, "in_channels") else layer.in_features


def _group(name: str, group: Any, names: Mapping[Any, str]) -> ChannelGroup:
    members = []
    for place, (dependency, local) in enumerate(group):
        if dependency.layer in names and (side := _side(dependency)):
            root = np.array(group[place].root_idxs, np.int64)
            members.append(Member(layer=names[dependency.layer], side=side, local=np.array(local, np.int64), root=root))
    return ChannelGroup(name=name, n_channels=len(group[0].idxs), members=tuple(members))


def _side(dependency: Any) -> Literal["out", "in", "norm", ""]:
    import torch_pruning
    from torch import nn

    if not isinstance(dependency.layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        return "norm" if any(True for _ in dependency.layer.parameters()) else ""
    reads = (torch_pruning.prune_conv_in_channels, torch_pruning.prune_linear_in_channels)
    return "in" if dependency.pruning_fn in reads else "out"


def _library_criterion(criterion: LibraryCriterion) -> Any:
    from torch_pruning import importance

    return {
        "random": lambda: importance.RandomImportance(),
        "l1": lambda: importance.GroupMagnitudeImportance(p=1),
        "l2": lambda: importance.GroupMagnitudeImportance(p=2),
        "bn_scale": lambda: importance.BNScaleImportance(),
        "taylor": lambda: importance.GroupTaylorImportance(),
        "fpgm": lambda: importance.FPGMImportance(),
        "lamp": lambda: importance.LAMPImportance(),
    }[criterion]()
