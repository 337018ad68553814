"""Intervals of tuning scores where nothing varies: a handful of cases that agree are not certainty."""

import numpy as np
import pytest
from scipy import optimize, stats

from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.verify.classes import CLASSES
from bedside.verify.evidence import evaluate
from bedside.verify.grade_judge import GRADES
from bedside.verify.judge import Answer, Truth
from bedside.verify.mark_judge import MARKS
from bedside.verify.operating_point import OperatingPoint

TWO = Task(classes=("well", "ill"))
THREE = Task(classes=("none", "mild", "severe"))


def perfect(labels: np.ndarray, n_classes: int, seed: int = 0) -> np.ndarray:
    """Outputs that set every class apart, by margins that differ from case to case."""
    rng = np.random.default_rng(seed)
    return 3.0 * np.eye(n_classes)[labels] + rng.uniform(0, 1, (len(labels), n_classes))


def answer(outputs: np.ndarray, threshold_prob: float | None = None, **how) -> Answer:
    point = OperatingPoint(temperature=1.0, threshold_prob=threshold_prob, positive=1, rule="made", **how)
    return Answer(outputs=outputs, point=point)


def least_area(n_pairs: int) -> float:
    """Area at which `n_pairs` independent pairs are all concordant in 2.5 of 100 cohorts, found numerically."""
    return optimize.brentq(  # type: ignore[return-value]
        lambda area: stats.binom.pmf(n_pairs, n_pairs, area) - 0.025, 1e-9, 1 - 1e-9
    )


def tuned(labels: np.ndarray, units: tuple[str, ...], task: Task = TWO) -> tuple[Estimate, Estimate]:
    k, threshold_prob = task.n_classes, 0.5 if task.n_classes == 2 else None
    truth = Truth(task=task, targets=labels, units=units)
    shipped, reference = (answer(perfect(labels, k, seed), threshold_prob) for seed in (0, 1))
    found, judged = CLASSES.tuning(truth, shipped=shipped, reference=reference, margin=0.02, seed=0)
    return found, judged.difference


@pytest.mark.parametrize(("n_ill", "n_well"), [(3, 4), (1, 6), (5, 60), (40, 40)])
def test_perfect_separation_has_the_bound_of_its_independent_pairs(n_ill: int, n_well: int) -> None:
    labels = np.array([1] * n_ill + [0] * n_well)
    found, difference = tuned(labels, tuple(map(str, range(len(labels)))))
    least = least_area(min(n_ill, n_well))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(least)
    assert (difference.value, difference.low, difference.high) == (
        0, pytest.approx(least - 1), pytest.approx(1 - least)
    )  # fmt: skip


def test_images_of_one_patient_are_one_witness() -> None:
    labels = np.array([1] * 10 + [0] * 10)
    units = tuple(f"{label}-{i % 2}" for i, label in enumerate(labels.tolist()))  # two patients a class
    assert tuned(labels, units)[0].low == pytest.approx(least_area(2))
    labels = np.repeat([0, 1, 2], 10)
    units = tuple(f"{label}-{i % 2}" for i, label in enumerate(labels.tolist()))
    assert tuned(labels, units, THREE)[0].low == pytest.approx(least_area(2))


def test_the_bound_covers_the_truth_in_cohorts_that_happen_to_be_perfect() -> None:
    """A model of a true AUROC of 0.9 is perfect on 4 and 4 cases now and then: the interval then still holds 0.9."""
    rng = np.random.default_rng(0)
    labels, gap = np.array([1] * 4 + [0] * 4), stats.norm.ppf(0.9) * np.sqrt(2)
    units, n_perfect = tuple(map(str, range(8))), 0
    for _ in range(200):
        score = rng.normal(size=8) + gap * labels
        own = answer(np.stack([np.zeros(8), score], axis=1), 0.5)
        found, _ = CLASSES.tuning(
            Truth(task=TWO, targets=labels, units=units), shipped=own, reference=own, margin=0.02, seed=0
        )
        n_perfect += found.value == 1
        assert found.value < 1 or found.low < 0.9
    assert n_perfect > 20


def test_a_tuning_score_has_the_interval_that_the_test_gives() -> None:
    rng = np.random.default_rng(3)
    for task in (TWO, THREE):
        labels = rng.integers(task.n_classes, size=60)
        units = tuple(f"p{i // 2}" for i in range(60))
        outputs = rng.normal(size=(60, task.n_classes)) + np.eye(task.n_classes)[labels]
        own = answer(outputs, 0.5 if task.is_binary else None)
        found, judged = CLASSES.tuning(
            Truth(task=task, targets=labels, units=units), shipped=own, reference=own, margin=0.02, seed=0
        )
        evidence = evaluate(
            task, labels, units, shipped=(outputs, own.point), reference=(outputs, own.point), own_fp32=outputs,
            margin=0.02, reason="the test of the test", seed=0,
        )  # fmt: skip
        assert found.value == evidence.shipped.auroc.value
        assert (found.low, found.high) == pytest.approx(
            (evidence.shipped.auroc.low, evidence.shipped.auroc.high), abs=0.02
        )
        assert (judged.difference.low, judged.difference.high) == (0, 0), "outputs that are the same are the same"


def test_three_classes_seven_cases() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2, 2])
    found, difference = tuned(labels, tuple(map(str, range(7))), THREE)
    assert (found.value, found.low) == (1, pytest.approx(least_area(2)))
    assert difference.low == pytest.approx(least_area(2) - 1)


def test_findings_and_grades_are_not_certain_either() -> None:
    marks = np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 1], [0, 0], [0, 0]])
    units, task = tuple(map(str, range(7))), Task(classes=("nodule", "effusion"), kind="multilabel")
    own, other = (
        answer(6.0 * marks - 3 + np.random.default_rng(seed).uniform(0, 1, marks.shape), link="sigmoid",
               thresholds_prob=(0.5, 0.5)) for seed in (0, 1)
    )  # fmt: skip
    found, judged = MARKS.tuning(
        Truth(task=task, targets=marks, units=units), shipped=own, reference=other, margin=0.02, seed=0
    )
    assert (found.value, found.low) == (1, pytest.approx(least_area(3)))
    assert judged.difference.low == pytest.approx(least_area(3) - 1)
    assert judged.verdict == "INCONCLUSIVE"
    grades = np.array([0, 0, 1, 1, 1, 2, 2])
    graded = Task(classes=THREE.classes, kind="ordinal")
    own, other = (answer(perfect(grades, 3, seed)) for seed in (0, 1))
    found, judged = GRADES.tuning(
        Truth(task=graded, targets=grades, units=units), shipped=own, reference=other, margin=0.02, seed=0
    )
    assert found.value == 1
    assert found.low < 0.6
    assert judged.difference.low == pytest.approx(least_area(7) - 1)
