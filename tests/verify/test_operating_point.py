"""Temperature and threshold, against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.verify.metrics import negative_log_likelihood, softmax
from bedside.verify.operating_point import (
    OperatingPoint,
    fit_temperature,
    lock_operating_point,
    sensitivity_threshold,
    youden_threshold,
)

TASK = Task(classes=("no", "yes"))
SCORES = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=40)


def honest(temperature: float, n: int = 20_000, n_classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `temperature` times too confident for labels drawn from their softmax."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n, n_classes)) * 2
    labels = (softmax(logits).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return np.minimum(labels, n_classes - 1), logits * temperature


@pytest.mark.parametrize("temperature", [0.2, 0.5, 1.0, 3.0, 10.0, 18.0])
def test_a_known_temperature_is_recovered(temperature: float) -> None:
    assert fit_temperature(*honest(temperature)) == pytest.approx(temperature, rel=0.05)


@given(st.integers(0, 10_000), st.sampled_from([0.01, 1.0, 30.0, 300.0]), st.integers(2, 4))
def test_the_fit_is_never_worse_than_none_and_as_good_as_scipys(seed: int, scale: float, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    labels, logits = rng.integers(n_classes, size=12), rng.normal(size=(12, n_classes)) * scale

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(12), labels]).mean())

    fitted = fit_temperature(labels, logits)
    assert 0.05 * 0.99 <= fitted <= 20 * 1.01
    assert loss(fitted) <= loss(1.0) + 1e-9
    best = minimize_scalar(lambda x: loss(float(np.exp(x))), bounds=(np.log(0.05), np.log(20)), method="bounded")
    assert loss(fitted) <= best.fun * (1 + 1e-5) + 1e-6


def j_of(positive: np.ndarray, score: np.ndarray, threshold: float) -> float:
    called = score >= threshold
    sensitivity = called[positive].mean() if positive.any() else 0
    return float(sensitivity - (called[~positive].mean() if (~positive).any() else 0))


@given(SCORES)
def test_no_threshold_has_a_larger_youden_index(pairs: list[tuple[bool, int]]) -> None:
    positive, score = np.array([p for p, _ in pairs]), np.array([s / 20 for _, s in pairs])
    got = youden_threshold(positive, score)
    best = max(j_of(positive, score, t) for t in score)
    assert j_of(positive, score, got) >= best - 1e-12


@given(SCORES, st.sampled_from([0.5, 0.8, 0.9, 0.95, 1.0]))
def test_the_sensitivity_is_reached_by_the_highest_threshold_that_does(
    pairs: list[tuple[bool, int]], target: float
) -> None:
    positive, score = np.array([True, *(p for p, _ in pairs)]), np.array([0.5, *(s / 20 for _, s in pairs)])
    got = sensitivity_threshold(positive, score, target)
    assert (score[positive] >= got).mean() >= target - 1e-12
    above = [t for t in np.unique(score) if t > got]
    if above:
        assert (score[positive] >= np.nextafter(above[0], 2)).mean() < target, "a higher threshold would do too"


def test_a_threshold_lies_between_two_scores_not_on_one() -> None:
    positive, score = np.array([False, False, True, True]), np.array([0.1, 0.2, 0.6, 0.9])
    assert youden_threshold(positive, score) == pytest.approx(0.4)
    assert sensitivity_threshold(positive, score, 0.5) == pytest.approx(0.75)
    assert sensitivity_threshold(positive, score, 1.0) == pytest.approx(0.4)


def test_without_a_positive_there_is_no_sensitivity(refuses) -> None:
    with refuses(CohortError, "no positive case"):
        sensitivity_threshold(np.zeros(3, bool), np.array([0.1, 0.2, 0.3]), 0.9)


def test_a_call_at_the_threshold_is_positive() -> None:
    point = OperatingPoint(temperature=1, threshold_prob=0.5, positive=1, rule="")
    assert point.calls(np.array([[0.5, 0.5], [0.6, 0.4], [0.4, 0.6]])).tolist() == [1, 0, 1]
    first = OperatingPoint(temperature=1, threshold_prob=0.3, positive=0, rule="")
    assert first.calls(np.array([[0.3, 0.7], [0.2, 0.8]])).tolist() == [0, 1]


def test_with_more_classes_the_most_probable_is_called() -> None:
    labels, logits = honest(1.0, n=300)
    point = lock_operating_point(labels, logits, Task(classes=("a", "b", "c")))
    assert point.threshold_prob is None
    np.testing.assert_array_equal(point.calls(point.probabilities(logits)), logits.argmax(axis=1))


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("target", [None, 0.9])
def test_the_lock_serves_the_class_that_is_looked_for(positive: int, target: float | None) -> None:
    labels, logits = honest(4.0, n=400, n_classes=2)
    task = Task(classes=("a", "b"), positive=positive)
    point = lock_operating_point(labels, logits, task, target_sensitivity=target)
    probabilities = point.probabilities(logits)
    called = point.calls(probabilities) == positive
    if target is None:
        best = max(j_of(labels == positive, probabilities[:, positive], t) for t in probabilities[:, positive])
        assert j_of(labels == positive, probabilities[:, positive], point.threshold_prob) == pytest.approx(best)
        assert "Youden" in point.rule
    else:
        assert 0.9 <= called[labels == positive].mean() < 0.91
        assert "0.9" in point.rule
    assert negative_log_likelihood(labels, probabilities) < negative_log_likelihood(labels, softmax(logits))
