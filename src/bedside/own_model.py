"""The side door of the hall: a user's own network is the reference, and what ships is a smaller copy of it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from bedside.base.budget import Budget
from bedside.base.digest import digest_many
from bedside.base.errors import ShapeError
from bedside.base.watch import Watch
from bedside.bundle.opening import Bundle
from bedside.cohort_stops import Material, gathered, parted
from bedside.compress.cost import count_model
from bedside.compress.proposing import Candidate, Proposal
from bedside.compress.recipe_file import RecipeSketch, read_recipe
from bedside.concluding import Opening, concluded
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.fitting_stops import plans_for
from bedside.running import Asked, Run, begun, settings_of
from bedside.runtime.devices import DeviceSpec, device_named
from bedside.train.architecture import Architecture, build
from bedside.train.baseline import Baseline, load_reference
from bedside.train.plan import TrainPlan

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnModel:
    """A user's network, and what it takes.

    Parameters
    ----------
    callable_name
        ``package.module:callable`` or ``file.py:callable``; without arguments it returns an `nn.Module` that maps
        ``(N, C, H, W)`` to logits ``(N, K)``.
    weights
        A state dict (safetensors, or PyTorch's, read with ``weights_only``); without it the callable's own weights.
    preprocess
        Its input, with its normalization on the 0-255 scale.
    """

    callable_name: str
    weights: Path | None
    preprocess: Preprocess

    def architecture(self, n_classes: int) -> Architecture:
        """The network on paper."""
        return Architecture(
            family=f"python:{self.callable_name}", width=1.0, spec=self.preprocess.spec, n_classes=n_classes
        )


def compress_own(
    own: OwnModel,
    cohort: Cohort | str,
    recipe: str | Path | RecipeSketch,
    budget: Budget | None = None,
    *,
    out: Path | str,
    key: Path | None = None,
    resume: bool = True,
    watch: Watch | None = None,
    **asked: Unpack[Asked],
) -> Bundle:
    """Apply a recipe to a copy of a user's network and seal what comes of it; the network itself is the reference.

    Parameters
    ----------
    preset, formats, seed, threads, margin, target_sensitivity, leak_policy, autopilot
        As in `bedside.optimize`.

    Raises
    ------
    TraceError
        If the network cannot be run or exported; the layer is named.
    RecipeError
        If the recipe names a step that doesn't exist or a target that can't be reached.
    InputError, LeakError, BudgetError, ParityError
        As `bedside.optimize` does.
    """
    sketch = recipe if isinstance(recipe, RecipeSketch) else read_recipe(recipe)
    budget, out = budget or Budget(), Path(out)
    device, settings = device_named(budget.device), settings_of(**asked)
    cohort = load_cohort(cohort) if isinstance(cohort, str) else cohort
    network = _read(own, cohort.task.n_classes, settings.seed)
    run = begun(settings, out, resume=resume, watch=watch)
    parts = parted(run, cohort)
    material = gathered(run, parts.cohort, parts.split, own.preprocess)
    run.watch.stop(3, "reference", "your network as it is")
    _, plan = plans_for(run, parts.cohort, material)
    baseline, folder = _adopted(run, material, own, network, plan)
    opening = Opening(
        parts=parts, material=material, baseline=baseline, folder=folder, plan=plan, from_reference=True
    )  # fmt: skip
    return concluded(run, opening, _proposal(sketch, opening, device), budget, out, key)


def _proposal(sketch: RecipeSketch, opening: Opening, device: DeviceSpec) -> Proposal:
    """Propose the one recipe, costed on the network as it is."""
    baseline, spec = opening.baseline, opening.baseline.architecture.spec
    recipe = sketch.completed(spec, baseline.architecture.n_classes, opening.plan, own=baseline.architecture)
    cost = count_model(load_reference(baseline, opening.folder), spec, device)
    return Proposal(candidates=(Candidate(recipe=recipe, cost=cost),), dropped={})


def _read(own: OwnModel, n_classes: int, seed: int) -> "nn.Module":
    """Build the user's network with its weights, and refuse early what could never be exported."""
    import torch

    from bedside.compress.tracing import check_exports
    from bedside.train.own_networks import load_own_weights

    network = build(own.architecture(n_classes), seed=seed)
    network = load_own_weights(network, own.weights) if own.weights else network.eval()
    check_exports(network, own.preprocess.spec)
    with torch.no_grad():
        n_outputs = network(torch.zeros(1, *own.preprocess.spec.shape)).shape[1]
    if n_outputs != n_classes:
        raise ShapeError(
            f"the network returns {n_outputs} logits", expected=f"{n_classes}, one a class of the data",
            hint="check the network's number of classes; a single output for two classes needs a second logit of 0",
        )  # fmt: skip
    return network


def _adopted(
    run: Run, material: Material, own: OwnModel, network: "nn.Module", plan: TrainPlan
) -> tuple[Baseline, Path]:
    """Stop 3: the user's network as the reference, its weights copied into the journal."""
    from bedside.train.checkpoint import save_weights, weights_digest
    from bedside.train.own_networks import digest_source

    architecture = own.architecture(material.task.n_classes)
    code = digest_source(architecture)
    inputs = [material.digest, architecture, weights_digest(network), code]
    folder = run.journal.place("reference", inputs)

    def make() -> Baseline:
        weights = save_weights(network, folder / "reference.safetensors")
        return Baseline(
            architecture=architecture, plan=replace(plan, n_epochs=0), file="reference.safetensors",
            digest=digest_many([weights, code]), history=(),
        )  # fmt: skip

    return run.journal.stop("reference", Baseline, inputs, make), folder
