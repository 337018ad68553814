"""Cases, cohorts, and what makes two cases dependent."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.targets import labels_of
from bedside.data.units import units_of

TASK = Task(classes=("no", "yes"))


def case(i: int, **facts: object) -> Case:
    return Case(**{"case_id": str(i), "label": i % 2, "pixels": np.full((2, 2), i, np.uint8), **facts})


def cohort(*cases: Case) -> Cohort:
    return Cohort(name="made", task=TASK, cases=cases, source="test:made")


def test_units_are_patients_groups_and_what_they_tie_together() -> None:
    cases = [
        case(0, patient_id="p1", group="clip1"),
        case(1, patient_id="p1", group="clip2"),  # one patient, two clips
        case(2, patient_id="p2", group="clip2"),  # whose second clip shows another patient too
        case(3, patient_id="p3"),
        case(4, patient_id="p3"),
        case(5),
        case(6),
        case(7, group="site"),
    ]
    units = units_of(cases)
    assert units[0] == units[1] == units[2]
    assert units[3] == units[4]
    assert len(set(units)) == 5


def test_a_patient_and_a_group_of_one_name_are_two_things() -> None:
    assert len(set(units_of([case(0, patient_id="1"), case(1, group="1"), case(1)]))) == 3


def test_units_do_not_depend_on_the_order() -> None:
    cases = [case(i, patient_id=f"p{i % 5}", group=f"g{i // 3}" if i % 2 else None) for i in range(20)]

    def partition(order: list[int]) -> set[frozenset[str]]:
        units = units_of([cases[i] for i in order])
        return {frozenset(cases[i].case_id for i, u in zip(order, units, strict=True) if u == unit) for unit in units}

    assert partition(list(range(20))) == partition(list(np.random.default_rng(0).permutation(20)))


def test_tied_cases_end_in_one_group_with_all_that_hangs_on_them() -> None:
    made = cohort(
        case(0, group="g"), case(1, group="g"), case(2, patient_id="p"), case(3, patient_id="p"), case(4), case(5)
    )
    units = units_of(made.tied([("1", "2")]).cases)
    assert units[0] == units[1] == units[2] == units[3]
    assert len(set(units)) == 3
    assert made.tied([]) == made


def test_labels_in_order() -> None:
    assert labels_of([case(0), case(1), case(3)]).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    "change",
    [{"label": 1}, {"patient_id": "p"}, {"group": "g"}, {"part": "test"}, {"pixels": np.ones((2, 2), np.uint8)}],
)
def test_the_digest_covers_every_fact(change: dict[str, object]) -> None:
    assert case(0, **change).digest() != case(0).digest()


def test_the_digest_of_a_file_is_that_of_its_content(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(path)
    from_file = Case(case_id="a", label=0, path=path)
    before = from_file.digest()
    Image.fromarray(np.ones((3, 3), np.uint8)).save(path)
    assert from_file.digest() != before
    path.unlink()
    with refuses(CohortError, "a.png"):
        from_file.digest()


def test_a_case_without_an_image_is_refused(refuses) -> None:
    with refuses(CohortError, "neither pixels nor a file"):
        Case(case_id="a", label=0).image()


def test_the_cohorts_digest_covers_question_and_order() -> None:
    cases = (case(0), case(1), case(2), case(3))
    other_question = Cohort(name="made", task=Task(classes=("no", "yes"), positive=0), cases=cases, source="test:made")
    digests = {cohort(*cases).digest(), cohort(*reversed(cases)).digest(), other_question.digest()}
    assert len(digests) == 3
    assert cohort(case(9), *cases).without({"9"}).digest() == cohort(*cases).digest()


@pytest.mark.parametrize(
    ("cases", "word"),
    [
        ((), "no cases"),
        ((case(0), case(1), case(2), case(3), case(3)), "twice"),
        ((case(0), case(1), case(2), case(3), case(4, label=2)), "outside the list"),
        ((case(0), case(1), case(2), case(3), case(4, label=-1)), "outside the list"),
        ((case(0), case(2), case(4)), "one class only"),
        ((case(0), case(2), case(1)), "'yes' has 1"),
        ((case(0), case(2), case(1, patient_id="p"), case(3, patient_id="p")), "'yes' has 1"),
        ((case(0), case(2), case(1, patient_id="p", group="g"), case(3, patient_id="q", group="g")), "'yes' has 1"),
    ],
)
def test_a_cohort_that_cannot_answer_the_question_is_refused(refuses, cases: tuple[Case, ...], word: str) -> None:
    with refuses(CohortError, word):
        cohort(*cases)


@pytest.mark.parametrize(
    ("classes", "positive"), [((), 0), (("a",), 0), (("a", "a"), 0), (("a", "b"), 2), (("a", "b"), -1)]
)
def test_a_question_without_an_answer_is_refused(refuses, classes: tuple[str, ...], positive: int) -> None:
    with refuses(CohortError):
        Task(classes=classes, positive=positive)
