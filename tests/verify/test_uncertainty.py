"""Prediction sets that cover, and answers that keep their error bound: by simulation, on cases never fitted on."""

import math

import numpy as np
import pytest

from bedside.base.errors import InputError
from bedside.base.jsonform import from_json, to_json
from bedside.verify.conformal import ConformalRule, fit_conformal, measure_coverage
from bedside.verify.metrics import softmax
from bedside.verify.selective import SelectiveRule, fit_selective, measure_selective


def made(n: int, seed: int, n_classes: int = 3, rare: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(n) < rare, n_classes - 1, rng.integers(n_classes - 1, size=n))
    return labels, softmax(rng.normal(size=(n, n_classes)) + 1.5 * np.eye(n_classes)[labels])


@pytest.mark.parametrize("kind", ["lac", "class-conditional"])
def test_the_coverage_is_what_was_promised_over_many_tuning_sets(kind: str) -> None:
    found = []
    for seed in range(60):
        rule = fit_conformal(*made(200, seed), coverage_frac=0.9, kind=kind)
        labels, probabilities = made(2000, 1000 + seed)
        inside = rule.sets(probabilities)[np.arange(2000), labels]
        found.append([inside.mean(), inside[labels == 2].mean()])
    overall, of_rare = np.mean(found, axis=0)
    assert 0.895 < overall < (0.92 if kind == "lac" else 0.94)
    if kind == "class-conditional":
        assert of_rare > 0.89, "each class is covered, the rare one too"


def test_the_threshold_is_the_textbook_quantile() -> None:
    labels, probabilities = made(99, 0)
    rule = fit_conformal(labels, probabilities, coverage_frac=0.9)
    scores = np.sort(1 - probabilities[np.arange(99), labels])
    assert rule.least_prob[0] == pytest.approx(1 - scores[math.ceil(100 * 0.9) - 1])
    assert rule.n_tuning == (99, 99, 99)


def test_copies_of_a_patient_do_not_count_twice() -> None:
    labels, probabilities = made(150, 0)
    once = fit_conformal(labels, probabilities)
    copied = fit_conformal(
        np.repeat(labels, 4), np.repeat(probabilities, 4, axis=0), units=np.repeat(np.arange(150), 4)
    )
    assert copied == once


def test_too_few_patients_put_the_class_into_every_set() -> None:
    labels, probabilities = made(5, 0)
    rule = fit_conformal(labels, probabilities, coverage_frac=0.95, kind="class-conditional")
    assert rule.least_prob == (0, 0, 0)
    assert rule.sets(np.array([[0.0, 0.0, 1.0]])).all()


def test_the_measured_coverage_is_an_estimate_and_a_shift_is_seen() -> None:
    rule = fit_conformal(*made(500, 0), coverage_frac=0.9)
    labels, probabilities = made(600, 1)
    good = measure_coverage(rule, labels, probabilities, [f"p{i // 2}" for i in range(600)])
    assert good.holds
    assert good.coverage.low < 0.9 < good.coverage.high
    assert good.coverage.n_patients == 300
    assert good.mean_size.value == pytest.approx(rule.sets(probabilities).sum(1).mean())
    assert set(good.by_class) == {0, 1, 2}
    shuffled = measure_coverage(rule, labels[::-1], probabilities)
    assert not shuffled.holds


def test_the_rules_survive_json() -> None:
    labels, probabilities = made(300, 0)
    rule = fit_conformal(labels, probabilities)
    assert from_json(ConformalRule, to_json(rule)) == rule
    right, sure = probabilities.argmax(1) == labels, probabilities.max(1)
    selective = fit_selective(right, sure, max_error_frac=0.2)
    assert from_json(SelectiveRule, to_json(selective)) == selective


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1, 90])
def test_a_coverage_is_a_fraction(refuses, coverage: float) -> None:
    with refuses(InputError, "coverage"):
        fit_conformal(*made(20, 0), coverage_frac=coverage)


def test_the_error_bound_holds_in_all_but_delta_of_the_tuning_sets() -> None:
    rng = np.random.default_rng(0)
    grid = np.linspace(0.5, 1, 2001)
    broken, answered = 0, []
    for _ in range(150):
        sure = rng.uniform(0.5, 1, size=400)
        rule = fit_selective(rng.random(400) < sure, sure, max_error_frac=0.15, delta_frac=0.1)
        if rule.least_confidence is not None:
            kept = grid[grid >= rule.least_confidence]
            broken += bool((1 - kept).mean() > 0.15)
            answered.append((grid >= rule.least_confidence).mean())
    assert broken / 150 < 0.1
    assert np.mean(answered) > 0.25, "0.6 could be answered at the bound were the truth known"


def test_nothing_is_answered_where_nothing_keeps_the_bound() -> None:
    sure = np.linspace(0.5, 1, 100)
    rule = fit_selective(np.arange(100) % 2 == 0, sure, max_error_frac=0.05)
    assert rule.least_confidence is None
    assert not rule.answers(sure).any()
    got = measure_selective(rule, np.ones(100, bool), sure)
    assert got.answered_frac.value == 0
    assert math.isnan(got.error_frac.value)
    assert got.holds


def test_a_patient_with_one_wrong_answer_counts_as_wrong() -> None:
    right, sure = np.ones(400, bool), np.full(400, 0.9)
    right[::4] = False
    units = np.arange(400) // 4
    assert fit_selective(right, sure, max_error_frac=0.4).least_confidence is not None
    assert fit_selective(right, sure, max_error_frac=0.4, units=units).least_confidence is None


def test_the_outcome_on_other_cases_says_whether_it_holds(refuses) -> None:
    rng = np.random.default_rng(1)
    sure = rng.uniform(0.5, 1, size=2000)
    right = rng.random(2000) < sure
    rule = fit_selective(right[:1000], sure[:1000], max_error_frac=0.15)
    got = measure_selective(rule, right[1000:], sure[1000:])
    assert got.holds
    assert got.error_frac.value < 0.15 < got.error_if_all_answered_frac.value
    assert not measure_selective(rule, ~right[1000:], sure[1000:]).holds
    with refuses(InputError, "error bound"):
        fit_selective(right, sure, max_error_frac=0.0)
    with refuses(InputError, "confidence"):
        fit_selective(right[:2], np.array([0.5, math.nan]), max_error_frac=0.1)
