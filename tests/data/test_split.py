"""No patient in two parts, every class in every part, and a test that is opened once."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bedside.base.errors import CohortError, SealError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.sources import load_cohort
from bedside.data.split import N_OBSERVATION, Split, split_by_patient

TASK = Task(classes=("no", "yes"))
PIXELS = np.arange(4, dtype=np.uint8).reshape(2, 2)


def cohort(parts: list[str | None], n_patients: int = 1000) -> Cohort:
    cases = tuple(
        Case(case_id=f"c{i}", label=i % 2, part=part, patient_id=f"p{i % n_patients}", pixels=PIXELS + i % 200)
        for i, part in enumerate(parts)
    )
    return Cohort(name="made", task=TASK, cases=cases, source="test:made")


def ids(cases: tuple[Case, ...]) -> list[str]:
    return [case.case_id for case in cases]


def test_the_fractions_are_kept_class_by_class() -> None:
    split = split_by_patient(cohort([None] * 1000), seed=0)
    assert (len(split.development), len(split.tuning), len(split.test)) == (650, 150, 200)
    assert Counter(case.label for case in split.tuning) == {0: 75, 1: 75}
    assert all(case.part == "tuning" for case in split.tuning)


def test_the_seed_decides() -> None:
    made = cohort([None] * 100)
    first, same, other = (split_by_patient(made, seed=seed) for seed in (1, 1, 2))
    assert first.digest() == same.digest()
    assert ids(first.tuning) == ids(same.tuning) != ids(other.tuning)
    assert first.digest() != other.digest()


def test_the_order_of_the_cases_does_not_decide() -> None:
    made = cohort([None] * 100)
    turned = replace(made, cases=made.cases[::-1])
    assert set(ids(split_by_patient(made, seed=1).tuning)) == set(ids(split_by_patient(turned, seed=1).tuning))


def test_a_patients_images_stay_together() -> None:
    split = split_by_patient(cohort([None] * 200, n_patients=50), seed=0)
    patients = [{c.patient_id for c in part} for part in (split.development, split.tuning, split.test.open(reason="t"))]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 50


def test_official_parts_are_kept_whatever_the_seed(medmnist_here: Path) -> None:
    made = load_cohort("medmnist:breastmnist")
    one, other = split_by_patient(made, seed=1), split_by_patient(made, seed=2)
    assert one.how == "the source's own parts"
    assert (len(one.development), len(one.tuning), len(one.test)) == (546, 78, 156)
    assert ids(one.development) == ids(other.development)
    assert all(case.case_id.startswith("val/") for case in one.tuning)
    assert all(case.case_id.startswith("test/") for case in one.test.open(reason="check"))


def test_a_source_without_a_tuning_part_keeps_its_test() -> None:
    made = cohort(["development"] * 80 + ["test"] * 20)
    split = split_by_patient(made, seed=0)
    assert ids(split.test.open(reason="check")) == [f"c{i}" for i in range(80, 100)]
    assert len(split.tuning) == 12
    assert "source's own test" in split.how


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        (["development", None] * 20, "some cases and not to others"),
        (["development"] * 20 + ["tuning"] * 20, "test part"),
        (["tuning"] * 20 + ["test"] * 20, "development part"),
        (["development"] * 40, "test part"),
        (["development"] * 30 + ["test", "development"] * 5, "no case of yes"),
        ([None] * 4, "development part"),
    ],
)
def test_a_part_that_would_lack_a_class_is_refused(refuses, parts: list[str | None], word: str) -> None:
    with refuses(CohortError, word):
        split_by_patient(cohort(parts), seed=0)


def test_observation_is_a_stratified_part_of_development() -> None:
    cases = tuple(
        Case(case_id=f"c{i}", label=int(i % 50 == 0), pixels=PIXELS, part="development" if i < 2000 else "test")
        for i in range(2400)
    )
    cases = tuple(replace(case, part="tuning") if i >= 2200 else case for i, case in enumerate(cases))
    split = split_by_patient(Cohort(name="made", task=TASK, cases=cases, source="test:made"), seed=0)
    assert set(ids(split.observation)) <= set(ids(split.development))
    assert abs(len(split.observation) - N_OBSERVATION) <= 1
    assert Counter(case.label for case in split.observation) == {0: 196, 1: 4}
    assert len(set(ids(split.observation))) == len(split.observation)


def test_a_small_development_part_is_observed_whole() -> None:
    split = split_by_patient(cohort([None] * 60), seed=0)
    assert split.observation == split.development


@pytest.fixture
def sealed() -> Split:
    return split_by_patient(cohort([None] * 60), seed=0)


def test_the_test_opens_once_and_only_for_a_reason(refuses, sealed: Split) -> None:
    with refuses(SealError, "without a reason"):
        sealed.test.open(reason="")
    cases = sealed.test.open(reason="the one evaluation")
    assert len(cases) == 12
    with refuses(SealError, "the one evaluation"):
        sealed.test.open(reason="another look")
    assert sealed.test.opened_for == "the one evaluation"


def test_the_seal_does_not_show_its_cases(sealed: Split) -> None:
    assert "c1" not in repr(sealed.test)
    before = sealed.test.digest()
    assert sealed.test.opened_for == "", "a digest does not open it"
    sealed.test.open(reason="check")
    assert sealed.test.digest() == before
