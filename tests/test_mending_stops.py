"""The hall mends an int8 file that plain rounding breaks, says which layer broke, and resumes from its journal."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the hall needs the workshop extra")
pytest.importorskip("onnxruntime", reason="the files of this test are ONNX's")

from tests.noting import Notes

from bedside import assay_stops
from bedside.attempts import Attempt, attempted
from bedside.base.budget import Budget
from bedside.base.journal import Journal
from bedside.bundle.int8_section import _table
from bedside.cohort_stops import Material, gathered
from bedside.compress.presets import preset_named
from bedside.compress.proposing import given
from bedside.compress.recipe import STEPS, Recipe, Workbench
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import disjoint_observations, split_by_patient
from bedside.data.units import units_of
from bedside.export.exported import eager_session
from bedside.running import Run, Settings
from bedside.runtime.devices import device_named
from bedside.runtime.session import logits
from bedside.train.architecture import Architecture, build
from bedside.train.baseline import Baseline
from bedside.train.checkpoint import weights_digest
from bedside.train.fitting import fit
from bedside.train.plan import TrainPlan
from bedside.trial_tables import leave_tries
from bedside.verify.classes import CLASSES

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

PREPROCESS = Preprocess(n_channels=1, height_px=16, width_px=16)
ARCHITECTURE = Architecture(family="depthwise", width=0.5, spec=PREPROCESS.spec, n_classes=2)
PLAN = TrainPlan(n_epochs=14, learning_rate=3e-3, n_views=2)


def break_for_int8(model: Any, recipe: Recipe, bench: Workbench) -> Any:
    """A step that keeps the function: all channels but one shrink before the first depthwise layer, which undoes it."""
    block: Any = model[1].body  # type: ignore[index]
    norm, depthwise = block[0][1], block[1][0]
    with torch.no_grad():
        scale = torch.full((norm.num_features,), 0.02)
        scale[0] = 1.0
        norm.weight.mul_(scale)
        norm.bias.mul_(scale)
        depthwise.weight.mul_((1 / scale)[:, None, None, None])
    return model


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    cohort = replace(load_cohort("phantom:ultrasound", n="900", size_px="16"), is_phantom=False)
    return gathered(run_in(tmp_path_factory.mktemp("made")), cohort, split_by_patient(cohort, seed=0), PREPROCESS)


@pytest.fixture(scope="module")
def network(material: Material) -> Any:
    fitted, _ = fit(build(ARCHITECTURE, seed=0), PLAN, material.data, monitor=CLASSES.monitor(material.task))
    return fitted


@pytest.fixture(scope="module")
def mended_run(
    material: Material, network: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Callable[[], tuple[Attempt, ...]], list[str]]:
    """A folder, a function that takes the broken candidate through the hall, and what was said."""
    folder = tmp_path_factory.mktemp("hall")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(assay_stops, "MARGIN", 0.03)  # a phantom's few tuning cases move more than that by chance
    run = run_in(folder)
    recipe = Recipe(architecture=ARCHITECTURE, plan=PLAN, steps=("breaking",))
    baseline = Baseline(architecture=ARCHITECTURE, plan=PLAN, file="none", digest=weights_digest(network), history=())
    outputs = logits(eager_session(network), material.tuning_inputs())
    monkeypatch.setitem(cast(dict[str, str], STEPS.built_in), "breaking", "test_mending_stops:break_for_int8")
    (candidate,) = given([recipe], device_named("host")).candidates

    def go() -> tuple[Attempt, ...]:
        from copy import deepcopy

        return attempted(run, material, candidate, None, baseline, outputs, Budget(), deepcopy(network))

    return folder, go, run.watch.said  # type: ignore[attr-defined]


def run_in(folder: Path) -> Run:
    watch = Notes()
    journal = Journal(folder=folder, on_reuse=lambda stop: watch.said.append(f"reused {stop}"))
    return Run(settings=Settings(preset=preset_named("standard"), formats=("onnx",)), journal=journal, watch=watch)


def test_a_broken_file_is_mended_and_the_layer_is_named(
    mended_run: tuple[Path, Callable[[], tuple[Attempt, ...]], list[str]],
) -> None:
    folder, go, said = mended_run
    (attempt,) = go()
    report = attempt.int8
    assert report is not None
    assert not report.tries[0].passed
    assert report.tries[0].fix == "plain"
    assert report.passed
    assert report.tries[-1].passed
    assert report.tries[-1].fix == report.chosen
    assert {culprit.layer for culprit in report.culprits[:2]} == {"1.body.0.0", "1.body.1.0"}
    assert report.tries[-1].agreement_flips_frac is not None
    int8 = attempt.trials[-1]
    assert int8.name.endswith("int8")
    assert int8.refusal(Budget()) == ""
    assert int8.parity.passed
    assert report.plan["n_observed"] >= 200
    table = leave_tries(folder, [report]).read_text()
    assert table.count("\n") == len(report.tries) + 1
    assert "1.body.0.0" in _table(report)["culprits"][0]["layer"] + _table(report)["culprits"][1]["layer"]
    n_reused = said.count("reused int8")
    (again,) = go()
    assert again.int8 == replace(report, fp32_latency_p50_ms=again.int8.fp32_latency_p50_ms)  # type: ignore[union-attr]
    assert said.count("reused int8") >= n_reused + len(report.tries)


def test_without_the_autopilot_the_file_stays_refused(
    material: Material, network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_in(tmp_path)
    run = replace(run, settings=replace(run.settings, autopilot=False))
    monkeypatch.setitem(cast(dict[str, str], STEPS.built_in), "breaking", "test_mending_stops:break_for_int8")
    recipe = Recipe(architecture=ARCHITECTURE, plan=PLAN, steps=("breaking",))
    baseline = Baseline(architecture=ARCHITECTURE, plan=PLAN, file="none", digest=weights_digest(network), history=())
    outputs = logits(eager_session(network), material.tuning_inputs())
    (candidate,) = given([recipe], device_named("host")).candidates
    from copy import deepcopy

    (attempt,) = attempted(run, material, candidate, None, baseline, outputs, Budget(), deepcopy(network))
    assert attempt.int8 is None
    assert "parity broken" in attempt.trials[-1].refusal(Budget())


def test_a_trial_that_the_autopilot_refuses_cannot_ship(
    mended_run: tuple[Path, Callable[[], tuple[Attempt, ...]], list[str]],
) -> None:
    from bedside.base.errors import BudgetError
    from bedside.verify.selection import select

    (attempt,) = mended_run[1]()
    refused = replace(attempt.trials[-1], int8_refused="loses 0.0100 of AUROC against its own fp32, more than 0.005")
    small = Budget(size_kib=refused.shipped.size_kib + 1)
    with pytest.raises(BudgetError, match=r"loses 0\.0100|binding limit is size_kib"):
        select([attempt.trials[0], refused], small)


@pytest.mark.parametrize("n", ["900", "150"])
def test_two_observation_sets_share_no_patient(n: str) -> None:
    cohort = load_cohort("phantom:ultrasound", n=n, size_px="16")
    split = split_by_patient(cohort, seed=0)
    first, second = disjoint_observations(split, cohort.task, seed=0)
    assert len(first) >= 32
    assert len(second) >= 32
    assert not set(units_of(first)) & set(units_of(second))
    assert {case.case_id for case in (*first, *second)} <= {case.case_id for case in split.development}
    assert np.array_equal([c.case_id for c in first], [c.case_id for c in split.observation]) == (n == "900")
