"""Fine-tuning by depth: lower learning rates for early layers, and layers that wait before they learn."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from bedside.train.plan import TrainPlan

_CONTAINERS = (nn.Sequential, nn.ModuleList)
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


@dataclass(frozen=True, slots=True)
class DepthUnit:
    """Layers that share one learning rate and thaw together; `parts` are their modules, early to late."""

    name: str
    parts: tuple[nn.Module, ...]

    def parameters(self) -> list[nn.Parameter]:
        """Every parameter of the unit."""
        return [parameter for part in self.parts for parameter in part.parameters()]


def depth_units(model: nn.Module) -> tuple[DepthUnit, ...]:
    """Cut a network into units, from the input to the head.

    Units are the children of the network in the order in which they were written; containers, and wrappers that hold
    containers (an encoder), are opened once, unless the network itself is one. A normalization goes with the layer
    before it. The last unit is the head.
    """
    units: list[DepthUnit] = []
    for name, part in _opened(model, levels=1 if isinstance(model, _CONTAINERS) else 2):
        if units and isinstance(part, _NORMS):
            units[-1] = DepthUnit(units[-1].name, (*units[-1].parts, part))
        else:
            units.append(DepthUnit(name, (part,)))
    return tuple(units)


def _opened(module: nn.Module, levels: int, prefix: str = "") -> list[tuple[str, nn.Module]]:
    found: list[tuple[str, nn.Module]] = []
    for name, child in module.named_children():
        if not any(True for _ in child.parameters()):
            continue
        is_open = isinstance(child, _CONTAINERS) or any(isinstance(inner, _CONTAINERS) for inner in child.children())
        if levels > 1 and is_open:
            found += _opened(child, levels - 1, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", child))
    return found


def parameter_groups(model: nn.Module, plan: TrainPlan) -> list[dict[str, Any]]:
    """Groups for the optimizer: weight decay for weights alone, and a ``rate_scale`` by depth.

    The head learns at the plan's rate, each unit before it at `rate_decay` times the rate of the next (layer-wise
    decay: Howard & Ruder, ACL 2018; Clark et al., ICLR 2020). With a decay of 1 there are two groups, and nothing
    differs from a fit without depth.
    """
    if plan.rate_decay == 1.0:
        return _decayed_and_plain(list(model.parameters()), plan.weight_decay)
    groups: list[dict[str, Any]] = []
    units = depth_units(model)
    for depth, unit in enumerate(units):
        scale = plan.rate_decay ** (len(units) - 1 - depth)
        groups += [group | {"rate_scale": scale} for group in _decayed_and_plain(unit.parameters(), plan.weight_decay)]
    named = {id(p) for group in groups for p in group["params"]}
    loose = [p for p in model.parameters() if id(p) not in named]
    return [*groups, *_decayed_and_plain(loose, plan.weight_decay)] if loose else groups


def _decayed_and_plain(parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def n_frozen(plan: TrainPlan, n_units: int, epoch: int) -> int:
    """How many units, counted from the input, do not learn in an epoch.

    For `head_epochs` only the head learns; then one more unit thaws every `stage_epochs`, the deepest first (gradual
    unfreezing: Howard & Ruder, ACL 2018), or all at once where that is 0. The first `frozen_units` never thaw.
    """
    floor = min(plan.frozen_units, n_units - 1)
    if epoch < plan.head_epochs:
        return n_units - 1
    if plan.stage_epochs == 0:
        return floor
    thawed = 1 + (epoch - plan.head_epochs) // plan.stage_epochs
    return max(floor, n_units - 1 - thawed)


def freeze(model: nn.Module, plan: TrainPlan, epoch: int) -> None:
    """Set what learns in an epoch; call it after ``model.train()``.

    Frozen layers get no gradient, and their batch norm neither updates nor uses the statistics of the batch: a frozen
    layer computes what it computed before. With a plan that freezes nothing the model is left alone.
    """
    if not _freezes(plan):
        return
    units = depth_units(model)
    frozen = n_frozen(plan, len(units), epoch)
    for depth, unit in enumerate(units):
        for parameter in unit.parameters():
            parameter.requires_grad_(depth >= frozen)
        if depth < frozen:
            for part in unit.parts:
                part.eval()


def thaw(model: nn.Module, plan: TrainPlan) -> None:
    """Let every parameter learn again after a fit that froze some: what comes next is not this fit's to decide."""
    if _freezes(plan):
        model.requires_grad_(True)


def _freezes(plan: TrainPlan) -> bool:
    return bool(plan.head_epochs or plan.frozen_units or plan.stage_epochs)
