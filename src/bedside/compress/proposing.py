"""Candidates on paper: costed before any training, the hopeless ones dropped with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bedside.base.budget import Budget, unit_of
from bedside.base.errors import BudgetError
from bedside.base.task import Task, TensorSpec
from bedside.compress.cost import Cost, count_cost, count_model
from bedside.compress.presets import Preset
from bedside.compress.recipe import Recipe, label_of
from bedside.runtime.devices import DeviceSpec
from bedside.train.architecture import Architecture
from bedside.train.objective import objective_of
from bedside.train.plan import TrainPlan

if TYPE_CHECKING:
    from torch import nn

SIZE_SLACK = 1.05
"""A predicted file up to this much over the ceiling is still tried: the prediction errs by a few per cent."""

FINE_TUNING_RATE_FRAC = 1 / 3
"""Start weights are to be kept, not overwritten: a network that is cut from one learns at this share of the rate."""

LATENCY_SLACK = 2.0
"""Latency is predicted coarsely, so only a candidate at twice the ceiling is hopeless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A recipe with its cost on paper."""

    recipe: Recipe
    cost: Cost

    @property
    def name(self) -> str:
        """Short name: the architecture, and the steps beyond distillation."""
        steps = (label_of(step) for step in self.recipe.steps if step != "distil")
        return "+".join((self.recipe.architecture.name, *steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What will be tried, and what was dropped on paper, with the reason."""

    candidates: tuple[Candidate, ...]
    dropped: dict[str, str]


def propose(
    spec: TensorSpec, task: Task, plan: TrainPlan, preset: Preset, budget: Budget, device: DeviceSpec
) -> Proposal:
    """Cost every family that can answer the task, at every width, and keep the preset's number of them.

    A family enters with its widest member that is not hopeless; further places go to the next widths, so that the
    trials differ in cost. Families come in the order in which they are listed.

    Raises
    ------
    BudgetError
        If all are hopeless.
    """
    dropped: dict[str, str] = {}
    able: dict[str, list[Candidate]] = {}
    everyone = [
        _candidate(family, width, spec, task, plan, device)
        for family, widths in objective_of(task).families(spec).items()
        for width in widths
    ]
    for candidate in everyone:
        if reason := _hopeless(candidate.cost, budget):
            dropped[candidate.name] = reason
        else:
            able.setdefault(candidate.recipe.architecture.family, []).append(candidate)
    if not able:
        raise _all_hopeless(everyone, budget, dropped)
    chosen = _in_turn(list(able.values()), preset.n_candidates)
    for candidate in (c for members in able.values() for c in members if c not in chosen):
        dropped[candidate.name] = f"not among the {preset.n_candidates} of the preset {preset.name}"
    return Proposal(candidates=tuple(chosen), dropped=dropped)


def given(recipes: Sequence[Recipe], device: DeviceSpec) -> Proposal:
    """Try the recipes that the user brings, all of them; each is costed as its architecture, before its steps."""
    candidates = tuple(Candidate(recipe=recipe, cost=count_cost(recipe.architecture, device)) for recipe in recipes)
    return Proposal(candidates=candidates, dropped={})


def recosted(candidate: Candidate, network: "nn.Module", device: DeviceSpec) -> Candidate:
    """Return the candidate with the cost of the network that its recipe made, where that may be another one."""
    if not candidate.recipe.changes_widths:
        return candidate
    return replace(candidate, cost=count_model(network, candidate.recipe.architecture.spec, device))


def _candidate(
    family: str, width: float, spec: TensorSpec, task: Task, plan: TrainPlan, device: DeviceSpec
) -> Candidate:
    pretrained = objective_of(task).pretrained(family, spec)
    architecture = Architecture(family=family, width=width, spec=spec, n_classes=task.n_classes, pretrained=pretrained)
    if pretrained and family.startswith("lite0_cut"):
        plan = replace(plan, learning_rate=plan.learning_rate * FINE_TUNING_RATE_FRAC)
    return Candidate(recipe=Recipe(architecture=architecture, plan=plan), cost=count_cost(architecture, device))


def _hopeless(cost: Cost, budget: Budget) -> str:
    """Why the candidate cannot fit, or an empty string."""
    if budget.size_kib and cost.int8_kib > budget.size_kib * SIZE_SLACK:
        return f"predicted int8 file {cost.int8_kib:.0f} {unit_of('size_kib')}, ceiling {budget.size_kib:g}"
    if budget.latency_ms and cost.latency_ms > budget.latency_ms * LATENCY_SLACK:
        return f"predicted latency {cost.latency_ms:.3g} {unit_of('latency_ms')}, ceiling {budget.latency_ms:g}"
    return ""


def _all_hopeless(candidates: list[Candidate], budget: Budget, dropped: dict[str, str]) -> BudgetError:
    """Name the binding limit and the nearest budget that would let one candidate in."""
    cheapest = min(candidates, key=lambda c: (c.cost.int8_kib, c.cost.latency_ms))
    binding = "size_kib" if "file" in _hopeless(cheapest.cost, budget) else "latency_ms"
    needed = cheapest.cost.int8_kib / SIZE_SLACK if binding == "size_kib" else cheapest.cost.latency_ms / LATENCY_SLACK
    return BudgetError(
        f"all {len(candidates)} candidates are hopeless on paper; the binding limit is {binding}: the cheapest, "
        f"{cheapest.name}, has a {_hopeless(cheapest.cost, budget)}",
        expected=str(budget),
        hint=f"the nearest budget that would let it try: --{binding.replace('_', '-')} {needed * 1.01:.3g}",
        refused=dropped,
    )


def _in_turn(families: list[list[Candidate]], n: int) -> list[Candidate]:
    """Take one of each family, then the next of each, until there are `n`."""
    chosen: list[Candidate] = []
    depth = 0
    while len(chosen) < n and any(depth < len(members) for members in families):
        chosen += [members[depth] for members in families if depth < len(members)][: n - len(chosen)]
        depth += 1
    return chosen
