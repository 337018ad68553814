"""A search finds, obeys its ceilings, learns its costs, ends when nothing comes, and goes on after a kill."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="searching needs the workshop extra")
pytest.importorskip("optuna", reason="searching needs Optuna")
pytest.importorskip("sklearn", reason="searching needs scikit-learn")

from landscape import FRAME, SPACE, clock, goals, run

from bedside.base.budget import Budget
from bedside.base.errors import InputError, RecipeError
from bedside.compress.recipe_file import parse_recipe, recipe_text
from bedside.compress.search.brief import SearchPlan
from bedside.compress.search.front import front_numbers, gains_of
from bedside.compress.search.journal import FILE, open_journal
from bedside.train.plan import TrainPlan

pytestmark = pytest.mark.workshop

PLAN = SearchPlan(n_trials=24, n_design=8, n_measured=14)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory):
    return run(tmp_path_factory.mktemp("search"), PLAN)


def rows(result) -> list[tuple]:
    return [(t.number, t.point, t.quality, t.costs, t.dropped) for t in result.trials]


def test_a_trial_is_a_point_of_the_space_and_comes_once(result) -> None:
    points = [trial.point for trial in result.trials]
    assert len(points) == 24
    assert all(points.count(point) == 1 for point in points)
    for point in points:
        for axis in SPACE.axes:
            assert (axis.name in point) == axis.exists(point)
            assert axis.name not in point or point[axis.name] in axis.choices


def test_the_front_is_measured_and_beaten_by_nobody(result) -> None:
    front = [result.trial(number) for number in result.front]
    assert front
    for trial in front:
        assert trial.is_measured
        assert trial.costs["latency_p50_ms"].value == pytest.approx(clock(None, trial.point)["latency_p50_ms"])  # type: ignore[arg-type]
        for other in result.trials:
            better = [
                other.quality >= trial.quality,
                *(other.costs[name].value <= trial.costs[name].value for name in ("latency_p50_ms", "size_kib")),
            ]
            same = other.quality == trial.quality
            assert not all(better) or same


def test_most_costs_are_predicted_and_the_predictor_learns(result) -> None:
    assert sum(trial.is_measured for trial in result.trials) < 24
    predictor = result.pricing.predictors["latency_p50_ms"]
    errors = []
    for trial in result.trials:
        if not trial.is_measured:
            truth = clock(None, trial.point)["latency_p50_ms"]  # type: ignore[arg-type]
            errors.append(abs(trial.costs["latency_p50_ms"].value / truth - 1))
            assert trial.costs["latency_p50_ms"].origin == "predicted"
    paper = [abs(FRAME.paper(t.features)["latency_ms"] / clock(None, t.point)["latency_ms"] - 1) for t in result.trials]  # type: ignore[arg-type]
    assert np.median(errors) < 0.15
    assert np.median(errors) < np.median(paper), "the device's own model knows nothing of this clock"
    assert predictor.error_frac < 0.2


def test_gains_only_rise(result) -> None:
    assert len(result.gains) == 24
    assert all(b >= a for a, b in zip(result.gains, result.gains[1:], strict=False))
    assert result.gains[-1] > 0


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_every_sampler_obeys_the_ceilings(tmp_path: Path, sampler: str) -> None:
    budget = Budget(latency_ms=0.35, size_kib=60)
    found = run(tmp_path, replace(PLAN, n_trials=28), budget=budget, sampler=sampler)
    assert found.front
    for number in found.front:
        truth = clock(None, found.trial(number).point)  # type: ignore[arg-type]
        assert truth["latency_ms"] <= 0.35
        assert truth["size_kib"] <= 60
    dropped = [trial for trial in found.trials if trial.dropped]
    assert dropped, "some are hopeless, and nobody trained them"
    assert all(trial.quality is None and "ceiling" in trial.dropped for trial in dropped)


def test_a_sampler_that_learns_wastes_fewer_trials_on_what_does_not_fit(tmp_path: Path) -> None:
    budget, plan = Budget(latency_ms=0.3, size_kib=50), replace(PLAN, n_trials=36)
    fits = {
        sampler: sum(trial.fits for trial in run(tmp_path / sampler, plan, budget=budget, sampler=sampler).trials)
        for sampler in ("tpe", "random")
    }
    assert fits["tpe"] > fits["random"]


def test_it_ends_when_nothing_more_comes(tmp_path: Path) -> None:
    found = run(tmp_path, SearchPlan(n_trials=150, patience=12, n_design=8, n_measured=8, min_gain_frac=0.05))
    assert "no gain" in found.ended
    assert len(found.trials) < 150
    assert found.gains[-1] < 1.05 * found.gains[-13]


@pytest.mark.parametrize("kill_at", [1, 11])
def test_a_killed_search_ends_as_one_that_was_not(tmp_path: Path, kill_at: int) -> None:
    whole = run(tmp_path / "whole", replace(PLAN, n_trials=14))
    program = [sys.executable, str(Path(__file__).with_name("landscape.py")), str(tmp_path / "cut"), "14", str(kill_at)]
    killed = subprocess.run(program, capture_output=True, check=False, timeout=120)
    assert killed.returncode == -9, killed.stderr
    with (tmp_path / "cut" / FILE).open("ab") as journal:
        journal.write(b'{"op_code": 5, "half a li')
    resumed = run(tmp_path / "cut", replace(PLAN, n_trials=14))
    assert rows(resumed) == rows(whole)
    assert resumed.front == whole.front


def test_a_longer_search_goes_on_from_a_shorter_one(tmp_path: Path) -> None:
    told = []
    short = run(tmp_path, replace(PLAN, n_trials=8))
    whole = run(tmp_path, replace(PLAN, n_trials=16), on_trial=lambda trial, n_done: told.append(n_done))
    assert [trial.point for trial in whole.trials[:8]] == [trial.point for trial in short.trials]
    assert told[:8] == list(range(9, 17)), "the first eight were there"


def test_another_search_in_the_same_place_is_refused(refuses, tmp_path: Path) -> None:
    open_journal(tmp_path, SPACE, goals(), sampler="tpe", seed=0)
    open_journal(tmp_path, SPACE, goals(), sampler="tpe", seed=0)
    with refuses(InputError, "another seed", "--fresh"):
        open_journal(tmp_path, SPACE, goals(), sampler="tpe", seed=1)
    with refuses(InputError, "another sampler (tpe)"):
        open_journal(tmp_path, SPACE, goals(), sampler="random", seed=0)
    with refuses(InputError, "another goals"):
        open_journal(tmp_path, SPACE, goals(Budget(size_kib=9)), sampler="tpe", seed=0)
    with refuses(InputError, "another space"):
        open_journal(tmp_path, replace(SPACE, axes=SPACE.axes[:-1]), goals(), sampler="tpe", seed=0)
    with refuses(InputError, "no sampler", "nsga2"):
        open_journal(tmp_path / "new", SPACE, goals(), sampler="tbe", seed=0)  # type: ignore[arg-type]


def test_a_candidate_that_cannot_be_fitted_is_a_row_and_not_the_end(tmp_path: Path) -> None:
    class Fragile:
        def digest(self) -> str:
            return "fragile"

        def quality(self, recipe) -> float:
            if recipe.architecture.family == "fire":
                raise RecipeError("pruning would empty a layer")
            return float("nan") if recipe.architecture.family == "depthwise" else 0.8

    found = run(tmp_path, replace(PLAN, n_trials=12), oracle=Fragile())
    reasons = {trial.point["family"]: trial.dropped for trial in found.trials}
    assert reasons["fire"] == "pruning would empty a layer"
    assert "not a number" in reasons["depthwise"]
    assert {found.trial(number).point["family"] for number in found.front} == {"residual"}


def test_a_row_is_a_recipe(result) -> None:
    for trial in result.trials:
        recipe = FRAME.recipe(trial.point)
        again = parse_recipe(recipe_text(recipe)).completed(recipe.architecture.spec, 2, TrainPlan(n_epochs=1))
        assert again == recipe


def test_what_does_not_fit_adds_nothing(result) -> None:
    aims = goals(Budget(size_kib=1e-3))
    over = [replace(trial, excess=aims.excess(trial.costs)) for trial in result.trials]
    assert set(gains_of(over, aims)) == {0.0}
    assert front_numbers(over, aims) == ()
