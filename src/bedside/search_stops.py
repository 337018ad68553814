"""The stops of a search: who scores its candidates, and the measuring of their files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bedside.base.digest import Digest, digest_array, digest_file, digest_value
from bedside.base.files import write_atomic
from bedside.base.journal import Journal
from bedside.base.stamp import versions_of
from bedside.bundle.search_figure import Spot, search_svg
from bedside.cohort_stops import Material
from bedside.compress.prune import Prune
from bedside.compress.quantization import QuantizationPlan
from bedside.compress.recipe import Recipe, StepCall, Workbench
from bedside.compress.search.engine import SearchResult
from bedside.compress.search.goals import QUANTITY_OF, Goals
from bedside.compress.search.oracle import QualityOracle, ShortFit
from bedside.compress.search.sketching import Frame
from bedside.compress.search.space import Point
from bedside.compress.search.supernet import SharedOracle
from bedside.export.converting import ExportJob, convert
from bedside.running import WORKSHOP, Run
from bedside.runtime.artifact import Precision
from bedside.train.architecture import build
from bedside.train.shared_weights import SharedPlan
from bedside.verify.judge import judge_of
from bedside.verify.profiling import Profile, profile

if TYPE_CHECKING:
    from torch import nn

    from bedside.train.fitting import Monitor, TrainingData

_LABELS = {"latency": "latency, ms (median)", "size": "size, KiB", "memory": "memory, MiB", "energy": "energy, mJ"}

N_OBSERVED = 8
"""Images that set the ranges of a file that is only timed: how long it takes does not depend on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurer:
    """Makes the file of a candidate in the run's first format and measures it on this machine.

    The weights are fresh ones: time, memory and size follow from shapes. A pruned candidate is cut to its share by
    weight magnitudes, since nothing has been fitted.
    """

    run: Run
    materials: Mapping[int, Material]
    frame: Frame
    folder: Path

    def __call__(self, recipe: Recipe, point: Point) -> dict[str, float]:
        """Return `bedside.compress.search.goals.QUANTITIES` by name; found in the journal when measured before."""
        format_, precision = self.run.settings.formats[0], _precision(point)
        pruning = [step for step in recipe.steps if isinstance(step, StepCall)]
        inputs = [recipe.architecture, pruning, format_, precision, self.frame.device.name, versions_of(WORKSHOP)]
        journal = Journal(folder=self.folder / "profiles")
        found = journal.stop("profile", Profile, inputs, lambda: self._measured(recipe, point, format_, precision))
        return {
            "latency_p50_ms": found.latency_p50_ms.value,
            **{name: found.value_of(name) for name in ("latency_ms", "size_kib", "memory_mib", "energy_mj")},
        }

    def _measured(self, recipe: Recipe, point: Point, format_: str, precision: Precision) -> Profile:
        material = self.materials[recipe.architecture.spec.height_px]
        observed = material.observed[:N_OBSERVED]
        features = self.frame.features(point)
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.folder, prefix=".measuring.") as place:
            job = ExportJob(
                model=self._network(recipe, material).eval(), spec=recipe.architecture.spec,
                n_classes=recipe.architecture.n_classes, observed=observed, folder=Path(place),
                plan=QuantizationPlan(n_observed=len(observed), observation=digest_array(observed)),
            )  # fmt: skip
            (artifact,) = convert(job, format_, (precision,))
            return profile(
                artifact, Path(place), observed[0], self.frame.device, mmacs=features["mmacs"],
                n_layers=int(features["n_layers"]),
            )  # fmt: skip

    def _network(self, recipe: Recipe, material: Material) -> "nn.Module":
        model = build(recipe.architecture, seed=recipe.plan.seed)
        bench = Workbench(data=material.data, monitor=lambda targets, outputs: 0.0, teacher_logits=None)
        for step in recipe.steps:
            if isinstance(step, StepCall):
                kept_frac = float(step.options["macs_frac"] or 1.0)
                model = Prune(criterion="l1", macs_frac=kept_frac, recovery_frac=0.0)(model, recipe, bench)
        return _lived_in(model, seed=recipe.plan.seed)


def _lived_in(model: "nn.Module", *, seed: int) -> "nn.Module":
    """Give normalization layers numbers as after training: exporters leave out additions of zero."""
    import torch
    from torch import nn

    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
                for centre, value in ((0.0, layer.running_mean), (0.0, layer.bias), (1.0, layer.running_var),
                                      (1.0, layer.weight)):  # fmt: skip
                    value.copy_(centre + 0.2 * (torch.rand(value.shape, generator=rng) - 0.5))
    return model


def _precision(point: Point) -> Precision:
    return "fp32" if point.get("precision") == "fp32" else "int8"


def oracle_for(
    run: Run, materials: Mapping[int, Material], frame: Frame, *, quality: str, n_images: int, fit_epochs: int
) -> QualityOracle:
    """Return who scores the candidates; a supernet is fitted first, or found in the journal."""
    task = next(iter(materials.values())).task
    monitor = judge_of(task).monitor(task)
    data = {side: material.data for side, material in materials.items()}
    digest = run.journal.key([material.digest for material in materials.values()])
    if quality == "fit" or frame.elastic is None:
        return ShortFit(data=data, monitor=monitor, n_epochs=fit_epochs, material=digest)
    return _supernet(run, data, frame, monitor, SharedPlan(n_images=n_images, seed=run.settings.seed), digest)


def _supernet(
    run: Run, data: "dict[int, TrainingData]", frame: Frame, monitor: "Monitor", plan: SharedPlan, material: Digest
) -> SharedOracle:
    from safetensors.torch import load, save

    from bedside.train.shared_weights import fit_shared, shared_weights

    assert frame.elastic is not None
    space, inputs = frame.elastic, [material, frame.elastic, frame.plan.augment, frame.plan.n_views, plan]
    path = run.journal.place("supernet", inputs) / "shared.safetensors"

    def make() -> Digest:
        held = shared_weights(space, frame.spec, frame.n_classes, seed=plan.seed)
        fit_shared(
            held, space, data, plan, frame.plan,
            on_step=lambda step, n, loss: run.watch.tick(step, n, f"supernet, loss {loss:.3f}"),
        )  # fmt: skip
        write_atomic(path, save({name: value.detach() for name, value in held.items()}))
        return digest_file(path)

    weights = run.journal.stop("supernet", str, inputs, make)
    shared = load(path.read_bytes())
    return SharedOracle(shared=shared, data=data, monitor=monitor, weights=digest_value([weights, material]))


def leave_figures(folder: Path, result: SearchResult, goals: Goals, metric: str) -> None:
    """Draw the trials against each cost among the objectives, an SVG each."""
    for cost in goals.costs:
        name = QUANTITY_OF[cost]
        spots = [
            Spot(
                cost=trial.costs[name].value, quality=trial.quality, is_on_front=trial.number in result.front,
                fits=trial.fits, is_measured=trial.is_measured,
            )
            for trial in result.trials
            if trial.quality is not None
        ]  # fmt: skip
        ceiling = goals.budget.limits().get("latency_ms" if cost == "latency" else name)
        svg = search_svg(spots, metric=metric, cost_label=_LABELS[cost], ceiling=ceiling)
        write_atomic(folder / f"search-{cost}.svg", svg.encode())
