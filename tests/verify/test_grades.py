"""Ordered classes against scikit-learn, and bootstrap draws against the plain figure."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from bedside.verify.grades import grade_scores, kappa_draws, kappa_with_draws, quadratic_kappa
from bedside.verify.intervals import resamples
from bedside.verify.resampling import weights_of

UNITS = np.arange(240) // 2


def made() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    grades = rng.integers(0, 5, 240)
    logits = -((np.arange(5) - (grades + rng.normal(scale=0.9, size=240))[:, None]) ** 2)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return grades, probabilities, probabilities.argmax(axis=1)


def test_every_value_is_that_of_scikit_learn() -> None:
    grades, p, called = made()
    got = grade_scores(grades, p, called, positive=2, index=UNITS)
    expected = {
        "quadratic_kappa": sk.cohen_kappa_score(grades, called, weights="quadratic"),
        "linear_kappa": sk.cohen_kappa_score(grades, called, weights="linear"),
        "mean_error_grades": sk.mean_absolute_error(grades, called),
        "accuracy": sk.accuracy_score(grades, called),
        "adjacent_accuracy": np.mean(np.abs(grades - called) <= 1),
        "auroc_from_positive": sk.roc_auc_score(grades >= 2, p[:, 2:].sum(axis=1)),
    }
    assert list(got.metrics) == list(expected)
    for name, value in expected.items():
        assert got.metrics[name].value == pytest.approx(value), name
        assert got.metrics[name].low < value < got.metrics[name].high, name
        assert got.metrics[name].n_patients == 120
    np.testing.assert_array_equal(got.confusion, sk.confusion_matrix(grades, called))


def test_draws_are_the_figure_of_the_rows_drawn() -> None:
    grades, _, called = made()
    rows = resamples([str(u) for u in UNITS], n_resamples=40, seed=0)
    got = kappa_draws(grades, called, 5, weights_of(rows, 240))
    expected = [sk.cohen_kappa_score(grades[r], called[r], weights="quadratic", labels=range(5)) for r in rows]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_the_analytic_interval_is_near_that_of_the_bootstrap() -> None:
    grades, _, called = made()
    weights = weights_of(resamples([str(u) for u in UNITS], n_resamples=1000, seed=0), 240)
    found, draws = kappa_with_draws(grades, called, 5, weights, UNITS)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])), abs=0.02)


def test_without_chance_there_is_no_kappa() -> None:
    same = np.zeros(6, int)
    weights = np.ones((3, 6), np.uint16)
    found, draws = kappa_with_draws(same, same, 3, weights, np.arange(6))
    assert math.isnan(found.value)
    assert (found.low, found.high) == (-1, 1)
    assert np.isnan(draws).all()
    assert quadratic_kappa(np.array([0, 1, 2]), np.array([2, 1, 0]), 3) == pytest.approx(-1)


def test_the_worst_case_is_a_mean_error_of_all_grades() -> None:
    grades, called = np.array([0, 0, 4, 4]), np.array([4, 4, 0, 0])
    got = grade_scores(grades, np.eye(5)[called], called, positive=4, index=np.arange(4)).metrics
    assert (got["mean_error_grades"].value, got["adjacent_accuracy"].value) == (4, 0)
    assert got["auroc_from_positive"].value == 0
