"""A search whose answers are a closed formula, so that the front is known: ``landscape.py FOLDER N [KILL_AT]``.

Networks are real and are counted on paper; only their quality is the formula's, and their milliseconds. KILL_AT is the
number of answers after which the process kills itself, as ``kill -9`` would.
"""

import os
import signal
import sys
from dataclasses import dataclass
from math import exp
from pathlib import Path

from bedside.base.budget import Budget
from bedside.base.digest import Digest
from bedside.base.journal import Journal
from bedside.base.task import TensorSpec
from bedside.compress.recipe import Recipe
from bedside.compress.search.brief import SearchPlan, Tools
from bedside.compress.search.engine import SearchResult, search
from bedside.compress.search.goals import Goals, goals_for
from bedside.compress.search.journal import open_journal
from bedside.compress.search.sketching import Features, Frame
from bedside.compress.search.space import Point, SearchSpace
from bedside.compress.search.spaces import space_for
from bedside.compress.search.spread import Here, Spread
from bedside.runtime.devices import device_named
from bedside.train.plan import TrainPlan

SPEC = TensorSpec(n_channels=1, height_px=24, width_px=24)


class CountedOnce(Frame):
    """Remembers what it has counted: the same networks come again and again."""

    def features(self, point: Point) -> Features:
        key = tuple(sorted(point.items()))
        if key not in _COUNTED:
            _COUNTED[key] = Frame.features(self, point)
        return _COUNTED[key]


_COUNTED: dict[tuple, Features] = {}
FRAME = CountedOnce(spec=SPEC, n_classes=2, plan=TrainPlan(n_epochs=2), device=device_named("host"))
SPACE = space_for(["residual", "depthwise", "fire"], [16, 20, 24], kept_fracs=(0.25, 0.5, 1.0))


@dataclass(frozen=True, slots=True)
class Formula:
    """Wider is better, up to what the family is capable of; larger inputs help."""

    kill_at: int = 0
    folder: Path = Path()

    def digest(self) -> Digest:
        return "formula"

    def quality(self, recipe: Recipe) -> float:
        if self.kill_at:
            count = self.folder / "n_answers"
            n = int(count.read_text()) + 1 if count.exists() else 1
            count.write_text(str(n))
            if n == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        family, width = recipe.architecture.family, recipe.architecture.width
        best = {"residual": 0.90, "depthwise": 0.95, "fire": 0.85}[family]
        kept = 1.0 if len(recipe.steps) == 1 else recipe.steps[1].options["macs_frac"]  # type: ignore[union-attr]
        return (
            0.5 + (best - 0.5) * (1 - exp(-2.5 * width)) * (recipe.architecture.spec.height_px / 24) ** 0.3 * kept**0.1
        )


def clock(recipe: Recipe, point: Point) -> dict[str, float]:
    """Milliseconds that the device's model does not know: depthwise work is dear."""
    counts = FRAME.features(point)
    ms = 0.02 + 0.03 * counts["dense_mmacs"] + 0.4 * counts["depthwise_mmacs"] + 0.01 * counts["n_layers"]
    return {
        "latency_p50_ms": ms, "latency_ms": 1.1 * ms, "size_kib": counts["int8_kib"] * 1.02, "energy_mj": 3 * ms,
        "memory_mib": 1 + counts["largest_map"] / 1e5,
    }  # fmt: skip


def goals(
    budget: Budget | None = None, costs: tuple[str, ...] = ("latency", "size"), space: SearchSpace = SPACE
) -> Goals:
    corners = [space.walk(lambda axis, i=i: axis.choices[i]) for i in (0, -1)]
    sample = [clock(FRAME.recipe(point), point) for point in corners]
    return goals_for(costs, budget or Budget(), 0.5, sample)


def run(
    folder: Path, plan: SearchPlan, *, budget: Budget | None = None, sampler="tpe", seed: int = 0, measure=clock,
    kill_at: int = 0, spread: Spread | None = None, oracle=None, space: SearchSpace = SPACE, on_trial=None,
) -> SearchResult:  # fmt: skip
    aims = goals(budget, space=space)
    journal = open_journal(folder, space, aims, sampler=sampler, seed=seed)
    tools = Tools(
        frame=FRAME, goals=aims, oracle=oracle or Formula(kill_at, folder), answers=Journal(folder=folder / "answers"),
        measure=measure, spread=spread or Here(), on_trial=on_trial or (lambda trial, n_done: None),
    )  # fmt: skip
    return search(journal, plan, tools)


if __name__ == "__main__":
    where, n_trials, kill = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    run(where, SearchPlan(n_trials=n_trials, n_design=8), kill_at=kill)
