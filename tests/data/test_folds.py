"""Folds share no patient, hold every class, and follow their seed; sites are left out whole."""

from dataclasses import replace

import numpy as np
import pytest

from bedside.base.errors import CohortError, InputError, LeakError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.folds import k_folds, leave_one_site_out
from bedside.data.units import units_of

SITES = ("north", "south", "west")


def case(i: int) -> Case:
    """Two images a patient; every fifth patient is ill; patients of three sites."""
    patient = i // 2
    return Case(
        case_id=f"c{i}", label=int(patient % 5 == 0), patient_id=f"p{patient}",
        pixels=np.full((2, 2), i % 250, np.uint8),
        attributes=(("site", SITES[patient % 3]),),
    )  # fmt: skip


CASES = tuple(case(i) for i in range(200))
COHORT = Cohort(name="made", task=Task(classes=("well", "ill")), cases=CASES, source="test:made")


def test_every_case_is_held_out_once_and_never_beside_its_patient() -> None:
    folds = k_folds(CASES, k=5, seed=0)
    assert sorted(c.case_id for f in folds for c in f.held_out) == sorted(c.case_id for c in CASES)
    for fold in folds:
        assert not {c.patient_id for c in fold.fit} & {c.patient_id for c in fold.held_out}
        assert len(fold.fit) + len(fold.held_out) == 200
        assert len(fold.held_out) == 40
        assert sum(c.label for c in fold.held_out) == 8, "stratified"
        assert fold.test_over_train_frac == 0.25


def test_repeats_are_new_draws_and_the_seed_decides() -> None:
    folds = k_folds(CASES, k=4, n_repeats=3, seed=1)
    assert len(folds) == 12
    assert len({fold.digest() for fold in folds}) == 12
    assert folds[4].name == "fold 1 of 4, repeat 2"
    again = k_folds(CASES, k=4, n_repeats=3, seed=1)
    assert [f.digest() for f in again] == [f.digest() for f in folds]
    assert k_folds(CASES, k=4, seed=2)[0].digest() != folds[0].digest()


def test_a_large_patient_does_not_upset_the_sizes() -> None:
    black = np.zeros((1, 1), np.uint8)
    cases = tuple(
        Case(case_id=f"c{i}", label=i % 2, patient_id="big" if i < 40 and i % 2 else f"p{i}", pixels=black)
        for i in range(200)
    )  # fmt: skip
    sizes = [len(f.held_out) for f in k_folds(cases, k=5, seed=0)]
    assert max(sizes) - min(sizes) <= 2


def test_too_few_patients_or_folds_are_refused(refuses) -> None:
    with refuses(CohortError, "20 folds"):
        k_folds(CASES[:60], k=20, seed=0)
    with refuses(InputError):
        k_folds(CASES, k=1, seed=0)


def test_each_site_is_left_out_whole() -> None:
    folds = list(leave_one_site_out(COHORT))
    assert [f.name for f in folds] == [f"site {name} left out" for name in SITES]
    for fold, name in zip(folds, SITES, strict=True):
        assert {c.attribute("site") for c in fold.held_out} == {name}
        assert name not in {c.attribute("site") for c in fold.fit}
        assert not set(units_of(fold.fit)) & set(units_of(fold.held_out))


def test_a_patient_at_two_sites_a_missing_site_and_one_site_are_refused(refuses) -> None:
    moved = replace(COHORT, cases=(replace(CASES[0], attributes=(("site", "west"),)), *CASES[1:]))
    with refuses(LeakError, "two sites"):
        list(leave_one_site_out(moved))
    with refuses(CohortError, "have no site"):
        list(leave_one_site_out(replace(COHORT, cases=(replace(CASES[0], attributes=()), *CASES[1:]))))
    with refuses(CohortError, "one site only"):
        list(leave_one_site_out(COHORT, site_of=lambda case: "here"))


def test_attributes_enter_the_digest_only_where_there_are_any() -> None:
    plain = replace(CASES[0], attributes=())
    assert plain.digest() != CASES[0].digest()
    assert plain.attribute("site") is None
    assert plain.digest() == Case(case_id="c0", label=1, patient_id="p0", pixels=CASES[0].pixels).digest()


@pytest.mark.parametrize("n_repeats", [0, -1])
def test_no_repeat_is_refused(refuses, n_repeats: int) -> None:
    with refuses(InputError):
        k_folds(CASES, n_repeats=n_repeats, seed=0)
