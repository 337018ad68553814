"""An ensemble teaches: its members are fitted once, found in the journal, and averaged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="teaching needs the workshop extra")

from bedside.base.errors import InputError, RecipeError
from bedside.base.journal import Journal
from bedside.base.watch import Silent
from bedside.cohort_stops import Material, gathered
from bedside.compress.presets import preset_named
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.fitting_stops import plans_for, referenced, taught
from bedside.running import Run, Settings
from bedside.teaching_stops import SEED_STEP, same_answers, taught_by_all
from bedside.train.answering import blended
from bedside.train.baseline import load_reference

pytestmark = pytest.mark.workshop


@pytest.fixture(scope="module")
def cohort():
    return load_cohort("phantom:ultrasound", n="60", size_px="16")


def run_in(folder: Path, reused: list[str]) -> Run:
    settings = Settings(preset=preset_named("quick"), reference="residual", n_teachers=3)
    return Run(settings=settings, journal=Journal(folder=folder, on_reuse=reused.append), watch=Silent())


def material_of(run: Run, cohort) -> Material:
    split = split_by_patient(cohort, seed=0)
    return gathered(run, cohort, split, Preprocess(n_channels=1, height_px=16, width_px=16))


def test_three_teachers_answer_as_one_and_are_fitted_once(cohort, tmp_path: Path, refuses) -> None:
    reused: list[str] = []
    run = run_in(tmp_path, reused)
    material = material_of(run, cohort)
    reference_plan, plan = plans_for(run, cohort, material)
    assert (reference_plan.n_teachers, plan.n_teachers) == (1, 3)
    reference_plan, plan = replace(reference_plan, n_epochs=1), replace(plan, n_views=2)
    baseline, folder = referenced(run, material, reference_plan)
    network = load_reference(baseline, folder)
    answers = taught_by_all(run, material, network, baseline, plan)
    assert answers is not None
    n_found = len(reused)
    members = []
    for number in range(3):
        other, place = referenced(run, material, replace(reference_plan, seed=reference_plan.seed + SEED_STEP * number))
        members.append(taught(run, material, load_reference(other, place), other, plan))
    assert len(reused) == n_found + 6, "three fits and three teachers' answers were in the journal"
    np.testing.assert_array_equal(answers, blended(members, "probabilities", "classification"))
    assert not np.array_equal(members[0], members[1])
    alone = taught_by_all(run, material, network, baseline, replace(plan, n_teachers=1), is_own=True)
    np.testing.assert_array_equal(alone, members[0])
    with refuses(RecipeError, "3 teachers for a network of your own"):
        taught_by_all(run, material, network, baseline, plan, is_own=True)


def test_answers_are_the_same_where_views_and_teachers_are(cohort, tmp_path: Path, refuses) -> None:
    run = run_in(tmp_path, [])
    _, plan = plans_for(run, cohort, material_of(run, cohort))
    assert same_answers(plan, replace(plan, n_epochs=1, learning_rate=1.0))
    for change in ({"n_teachers": 2}, {"teacher_average": "logits"}, {"n_views": 1}, {"seed": 9}):
        assert not same_answers(plan, replace(plan, **change))
    with refuses(InputError, "0 teachers"):
        replace(run.settings, n_teachers=0)
