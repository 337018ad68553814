"""Bare figures against scikit-learn's."""

import math

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from bedside.base.errors import ShapeError
from bedside.verify.metrics import (
    auroc,
    brier_score,
    expected_calibration_error,
    macro_auroc,
    negative_log_likelihood,
    ranks,
    softmax,
)


def drawn(seed: int, n: int, n_classes: int, n_levels: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities; few levels make many ties."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=n - n_classes)])
    logits = rng.normal(size=(n, n_classes)) + np.eye(n_classes)[labels]
    if n_levels:
        logits = np.round(logits * n_levels / 4) * 4 / n_levels
    return labels, softmax(logits)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n_levels", [0, 2, 5])
def test_auroc_is_scikit_learns_with_and_without_ties(seed: int, n_levels: int) -> None:
    labels, probabilities = drawn(seed, 10 + 40 * seed, 2, n_levels)
    assert auroc(labels == 1, probabilities[:, 1]) == pytest.approx(
        roc_auc_score(labels, probabilities[:, 1]), abs=1e-12
    )


@pytest.mark.parametrize("seed", range(4))
def test_macro_auroc_is_scikit_learns(seed: int) -> None:
    labels, probabilities = drawn(seed, 90, 4, 6)
    expected = roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert macro_auroc(labels, probabilities) == pytest.approx(expected, abs=1e-12)


def test_a_class_that_does_not_occur_is_left_out_of_the_mean() -> None:
    labels, probabilities = drawn(0, 60, 3)
    known = labels < 2
    areas = [auroc(labels[known] == k, probabilities[known, k]) for k in (0, 1)]
    assert macro_auroc(labels[known], probabilities[known]) == pytest.approx(np.mean(areas))


@pytest.mark.parametrize("value", [True, False])
def test_one_class_has_no_auroc(value: bool) -> None:
    assert math.isnan(auroc(np.full(5, value), np.arange(5.0)))
    assert math.isnan(macro_auroc(np.zeros(5, int), np.ones((5, 2)) / 2))


def test_ranks_share_ties() -> None:
    values = np.random.default_rng(0).integers(0, 9, 50).astype(float)
    np.testing.assert_array_equal(ranks(values), rankdata(values))


@pytest.mark.parametrize("seed", range(4))
def test_brier_is_scikit_learns_with_two_classes_and_the_sum_over_classes_with_more(seed: int) -> None:
    labels, probabilities = drawn(seed, 80, 2)
    assert brier_score(labels, probabilities) == pytest.approx(brier_score_loss(labels, probabilities[:, 1]), abs=1e-12)
    labels, probabilities = drawn(seed, 80, 4)
    expected = brier_score_loss(labels, probabilities, scale_by_half=False)
    assert brier_score(labels, probabilities) == pytest.approx(expected, abs=1e-12)


def test_a_coin_has_a_brier_score_of_a_quarter() -> None:
    assert brier_score(np.array([0, 1, 1]), np.full((3, 2), 0.5)) == 0.25


@pytest.mark.parametrize("n_classes", [2, 5])
def test_nll_is_scikit_learns(n_classes: int) -> None:
    labels, probabilities = drawn(1, 70, n_classes)
    assert negative_log_likelihood(labels, probabilities) == pytest.approx(log_loss(labels, probabilities), abs=1e-12)


def test_softmax_survives_giant_logits_and_knows_temperature() -> None:
    got = softmax(np.array([[1e4, 1e4 - 1], [-1e4, 1e4]], np.float32))
    np.testing.assert_allclose(got, [[1 / (1 + math.exp(-1)), 1 / (1 + math.e)], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(softmax(np.array([[4.0, 0.0]]), 2.0), softmax(np.array([[2.0, 0.0]])))


def test_ece_is_small_for_honest_and_large_for_boastful_confidence() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 20_000)
    right = rng.random(20_000) < confidence
    assert expected_calibration_error(right, confidence) < 0.02
    assert expected_calibration_error(right, np.minimum(confidence + 0.2, 1)) > 0.1
    assert expected_calibration_error(np.zeros(10, bool), np.ones(10)) == 1
    assert expected_calibration_error(np.ones(10, bool), np.ones(10)) == 0


def test_ece_by_hand() -> None:
    """Two bins of equal mass: (|0.5 - 0.55| + |1 - 0.85|) / 2."""
    right, confidence = np.array([True, False, True, True]), np.array([0.5, 0.6, 0.8, 0.9])
    assert expected_calibration_error(right, confidence, n_bins=2) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "metric", [auroc, macro_auroc, brier_score, expected_calibration_error, negative_log_likelihood]
)
@pytest.mark.parametrize(("n", "m"), [(3, 4), (0, 0)])
def test_arrays_that_do_not_go_together_are_refused(refuses, metric, n: int, m: int) -> None:
    with refuses(ShapeError):
        metric(np.zeros(n, int), np.ones((m, 2)))
