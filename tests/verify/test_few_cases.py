"""Few patients of a class are named early, with what they can say at best."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bedside.base.task import Task
from bedside.data.boxes import Box
from bedside.data.case import Case, Part
from bedside.data.sources import load_cohort
from bedside.data.split import SealedCases, Split, split_by_patient
from bedside.verify.few_cases import few_cases

TWO = Task(classes=("well", "ill"))


def case(name: str, *, label: int = 0, patient: str | None = None, **how) -> Case:
    return Case(case_id=name, label=label, patient_id=patient, pixels=np.zeros((4, 4), np.uint8), **how)


def parts(n_ill: int, n_well: int, prefix: str, *, images: int = 1) -> tuple[Case, ...]:
    """Patients of each class, each with as many images."""
    who = [1] * n_ill + [0] * n_well
    return tuple(
        case(f"{prefix}{i}-{j}", label=label, patient=f"{prefix}{i}")
        for i, label in enumerate(who)
        for j in range(images)
    )


def split_of(tuning: tuple[Case, ...], test: tuple[Case, ...]) -> Split:
    development = parts(20, 20, "d")
    return Split(development=development, tuning=tuning, observation=development, test=SealedCases(test), how="made")


def exact(k: int, n: int) -> str:
    low, high = stats.binomtest(k, n).proportion_ci(method="exact")
    return f"{100 * low:.0f}-{100 * high:.0f} %"


def test_seven_ill_patients_know_a_sensitivity_to_59_percent_at_best() -> None:
    split = split_of(parts(5, 5, "t"), parts(7, 30, "s", images=3))
    (sentence,) = few_cases(split, TWO)
    assert sentence.startswith('test part: 7 patients with "ill", fewer than 10: sensitivity is known to 59-100 %')
    assert exact(7, 7) == "59-100 %"
    assert f"to {exact(3, 7)} at worst" in sentence or f"to {exact(4, 7)} at worst" in sentence
    assert split.test.opened_for == "", "labels are counted, and the seal holds"


@pytest.mark.parametrize("n", range(1, 10))
def test_the_widest_interval_is_the_widest_of_all_that_may_come(n: int) -> None:
    sentence = few_cases(split_of(parts(5, 5, "t"), parts(30, n, "s")), TWO)[0]
    assert "specificity" in sentence
    worst = sentence.partition("and to ")[2].partition(" at worst")[0]
    ends = [stats.binomtest(k, n).proportion_ci(method="exact") for k in range(n + 1)]
    widest = max(end.high - end.low for end in ends)
    shown = [float(end) / 100 for end in worst.removesuffix(" %").split("-")]
    assert shown[1] - shown[0] == pytest.approx(widest, abs=0.011)
    assert ("patients" in sentence) == (n > 1)


def test_enough_of_each_class_says_nothing() -> None:
    assert few_cases(split_of(parts(5, 5, "t"), parts(10, 10, "s")), TWO) == ()


def test_few_tuning_patients_are_said_to_carry_every_choice() -> None:
    (sentence,) = few_cases(split_of(parts(4, 9, "t", images=4), parts(10, 10, "s")), TWO)
    assert sentence.startswith('tuning part: 4 patients with "ill", fewer than 5')
    assert "the choice among candidates" in sentence
    assert exact(4, 4) in sentence


def test_findings_boxes_and_outlines_are_counted_by_what_they_show() -> None:
    findings = Task(classes=("nodule", "effusion"), kind="multilabel")
    marked = tuple(case(str(i), marks=(1, 0) if i < 12 else (0, -1)) for i in range(24))
    split = replace(split_of(marked, marked), test=SealedCases(marked))
    found = few_cases(split, findings)
    assert found[0] == 'test part: no patients with "effusion": sensitivity of "effusion" cannot be given'
    assert [sentence.partition(":")[0] for sentence in found] == ["test part", "tuning part"]
    cells = Task(classes=("RBC", "WBC"), kind="detection")
    box = Box(label=0, x0_px=0, y0_px=0, x1_px=2, y1_px=2)
    boxed = tuple(case(f"b{i}", boxes=(box, replace(box, label=1)) if i < 6 else (box,)) for i in range(20))
    (sentence,) = few_cases(replace(split, tuning=boxed, test=SealedCases(boxed)), cells)
    assert '6 patients with "WBC"' in sentence
    organ = Task(classes=("background", "head"), kind="segmentation")
    (sentence,) = few_cases(replace(split, tuning=boxed, test=SealedCases(boxed[:8])), organ)
    assert "8 patients in all, fewer than 10: a share such as Dice is known to 63-100 %" in sentence


@pytest.mark.parametrize(("n", "n_lines"), [("30", 2), ("400", 0)])
def test_a_small_phantom_is_few_and_a_large_one_is_not(n: str, n_lines: int) -> None:
    cohort = load_cohort("phantom:ultrasound", n=n)
    found = few_cases(split_by_patient(cohort, seed=0), cohort.task)
    assert (len(found) >= n_lines) if n_lines else not found


def test_images_are_called_images_where_no_patient_is_known() -> None:
    def nobody(cases: tuple[Case, ...], part: Part) -> tuple[Case, ...]:
        return tuple(replace(c, patient_id=None, part=part) for c in cases)

    split = Split(
        development=nobody(parts(9, 9, "d"), "development"), tuning=nobody(parts(9, 9, "t"), "tuning"), observation=(),
        test=SealedCases(nobody(parts(1, 20, "s"), "test")), how="made",
    )  # fmt: skip
    assert few_cases(split, TWO)[0].startswith('test part: 1 image with "ill"')
