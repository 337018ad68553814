"""Structured pruning: whole channels go, so that the exported file is smaller and faster by itself."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bedside.base.errors import RecipeError
from bedside.base.task import TaskKind
from bedside.compress.allocation import Allocation, Ceiling, allocate
from bedside.compress.channels import trace_channels
from bedside.compress.cost import Cost, count_model, layer_costs
from bedside.compress.criteria import CRITERIA, Sample, draw_rows
from bedside.compress.paper_widths import PaperWidths
from bedside.compress.recipe import Recipe, Workbench
from bedside.compress.reconstruction import cut_of, reconstruct
from bedside.compress.recovering import recovered
from bedside.compress.strata import strata_of
from bedside.compress.tracing import check_runs
from bedside.runtime.devices import device_named
from bedside.train.plan import TrainPlan

if TYPE_CHECKING:
    from torch import nn

LAST_ROUND_FRAC = 0.5
"""Share of the recovery that follows the last round of several."""

_OF_MAPS: tuple[TaskKind, ...] = ("segmentation", "detection")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune:
    """Remove the least important channels of a fitted network down to one target, with recovery in between.

    Parameters
    ----------
    criterion
        Name in the seam `bedside.compress.criteria.CRITERIA`.
    macs_frac, size_kib, latency_ms
        The target, just one of them: multiply-accumulates left as a share, the predicted int8 file, or the predicted
        latency on `device`.
    allocation
        ``global`` ranks the channels of the whole network, ``local`` takes the same share of every group.
    rounds
        1 prunes at once; more approach the target in equal factors and measure again after each recovery.
    recovery_frac
        Epochs of recovery, all rounds together, as a share of the recipe's epochs; 0 leaves recovery to later steps.
    learning_rate_frac
        Highest learning rate of the recovery as a share of the recipe's.
    channel_multiple
        Widths are multiples of it where the target allows: vector units work on 8 at a time.
    min_keep_frac
        Share of each group's channels that stays whatever happens.
    n_images
        Development images that importance is measured on.
    reconstruct
        Whether the layers that read fewer channels are refitted before they recover; see
        `bedside.compress.reconstruction`.
    """

    criterion: str = "diagnostic"
    macs_frac: float | None = None
    size_kib: float | None = None
    latency_ms: float | None = None
    device: str = "host"
    allocation: Allocation = "global"
    rounds: int = 1
    recovery_frac: float = 0.5
    learning_rate_frac: float = 0.5
    channel_multiple: int = 8
    min_keep_frac: float = 0.1
    n_images: int = 256
    reconstruct: bool = True

    def __post_init__(self) -> None:
        targets = {"macs_frac": self.macs_frac, "size_kib": self.size_kib, "latency_ms": self.latency_ms}
        named = {name: value for name, value in targets.items() if value is not None}
        if len(named) != 1:
            raise RecipeError(
                f"pruning to {len(named)} targets: {', '.join(named) or 'none'}",
                expected="just one of " + ", ".join(targets), hint="add macs_frac: 0.5 to halve the work",
            )  # fmt: skip
        for name, value in named.items():
            if not 0 < value < (1 if name == "macs_frac" else float("inf")):
                raise RecipeError(
                    f"pruning to {name} {value:g}", expected="above 0, and a share below 1",
                    hint="a share of 0.25 leaves a quarter of the work",
                )  # fmt: skip
        self._check_amounts()
        CRITERIA.get(self.criterion)
        device_named(self.device)

    def _check_amounts(self) -> None:
        amounts = {
            "rounds": self.rounds >= 1,
            "recovery_frac": self.recovery_frac >= 0,
            "learning_rate_frac": self.learning_rate_frac > 0,
            "channel_multiple": self.channel_multiple >= 1,
            "min_keep_frac": 0 <= self.min_keep_frac < 1,
            "n_images": self.n_images >= 1,
        }
        for name, is_right in amounts.items():
            if not is_right:
                raise RecipeError(
                    f"pruning with {name} {getattr(self, name)}", expected="a positive amount, a share below 1",
                    hint=f"leave {name} out for its default",
                )  # fmt: skip

    def __call__(self, model: "nn.Module", recipe: Recipe, bench: Workbench) -> "nn.Module":
        """Return a pruned and recovered copy; `model` itself is never touched.

        Raises
        ------
        TraceError
            If the network cannot be run, or its channels cannot be told.
        """
        spec = recipe.architecture.spec
        pruned = deepcopy(model).eval().requires_grad_(True)
        check_runs(pruned, spec, gives_maps=bench.data.kind in _OF_MAPS)
        ceiling = self._ceiling(count_model(pruned, spec, device_named(self.device)))
        for number, n_epochs in enumerate(self._epochs(recipe.plan)):
            pruned = self._narrowed(pruned, recipe, bench, ceiling, n_left=self.rounds - number)
            if n_epochs:
                pruned = recovered(
                    pruned, recipe, bench, name=f"prune-{number}", n_epochs=n_epochs, rate_frac=self.learning_rate_frac
                )
        return pruned

    def _ceiling(self, dense: Cost) -> Ceiling:
        if self.macs_frac is not None:
            return Ceiling(name="mmacs", value=self.macs_frac * dense.mmacs, measure=lambda cost: cost.mmacs)
        if self.size_kib is not None:
            return Ceiling(name="size_kib", value=self.size_kib, measure=lambda cost: cost.int8_kib)
        return Ceiling(name="latency_ms", value=self.latency_ms or 0.0, measure=lambda cost: cost.latency_ms)

    def _epochs(self, plan: TrainPlan) -> list[int]:
        """Epochs of recovery after each round."""
        total = round(self.recovery_frac * plan.n_epochs)
        early = round(total * (1 - LAST_ROUND_FRAC) / (self.rounds - 1)) if self.rounds > 1 else 0
        return [early] * (self.rounds - 1) + [total - early * (self.rounds - 1)]

    def _narrowed(
        self, model: "nn.Module", recipe: Recipe, bench: Workbench, ceiling: Ceiling, *, n_left: int
    ) -> "nn.Module":
        """One round: score, choose, cut; `model` is our own copy."""
        spec, seed = recipe.architecture.spec, recipe.plan.seed
        channels = trace_channels(model, spec)
        paper = PaperWidths(layer_costs(model, spec), channels.groups, device_named(self.device))
        now = ceiling.measure(count_model(model, spec, device_named(self.device)))
        step = now * min(1.0, ceiling.value / now) ** (1 / n_left)
        rows = draw_rows(bench.data.development_targets, self.n_images, seed=seed)
        scores = CRITERIA.get(self.criterion)(channels, paper, Sample(data=bench.data, rows=rows, seed=seed))
        keep = allocate(
            paper, scores, replace(ceiling, value=step), allocation=self.allocation,
            channel_multiple=self.channel_multiple, min_keep_frac=self.min_keep_frac,
        )  # fmt: skip
        dense, cut = deepcopy(model) if self.reconstruct else None, cut_of(channels, keep)
        channels.remove(keep)
        check_runs(model, spec, gives_maps=bench.data.kind in _OF_MAPS)
        if dense is not None:
            strata = strata_of(bench.data.development_targets, bench.data.kind)
            rows = draw_rows(strata, self.n_images, seed=seed, balanced=True)
            reconstruct(model, dense, cut, bench.data, rows, seed=seed)
        return model
