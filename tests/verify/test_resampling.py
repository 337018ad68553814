"""The bootstrap by weights is the bootstrap by rows, only faster."""

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from bedside.verify.averages import column_draws, macro_estimate, micro_estimates, one_against_rest
from bedside.verify.intervals import resamples
from bedside.verify.metrics import auroc, expected_calibration_error
from bedside.verify.resampling import (
    percentile,
    ranked_draws,
    unit_weights,
    weighted_calibration_error,
    weights_of,
)


def made(n: int = 90, decimals: int = 3) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(3)
    ill = rng.random(n) < 0.3
    score = (1 / (1 + np.exp(-(rng.normal(size=n) + ill)))).round(decimals)
    return ill, score, [f"p{i // 2}" for i in range(n)]


def test_the_weights_are_the_draws_of_the_same_seed() -> None:
    _, _, units = made()
    draws = resamples(units, n_resamples=7, seed=5)
    np.testing.assert_array_equal(unit_weights(units, 90, n_resamples=7, seed=5), weights_of(draws, 90))


@pytest.mark.parametrize("decimals", [1, 6], ids=["tied", "untied"])
def test_every_draw_has_the_figures_of_its_rows(decimals: int) -> None:
    ill, score, units = made(decimals=decimals)
    draws = resamples(units, n_resamples=40, seed=1)
    found = ranked_draws(ill, score, weights_of(draws, 90))
    np.testing.assert_allclose(found.auroc, [roc_auc_score(ill[r], score[r]) for r in draws], atol=1e-12)
    expected = [average_precision_score(ill[r], score[r]) for r in draws]
    np.testing.assert_allclose(found.average_precision, expected, atol=1e-12)


def test_the_calibration_error_of_every_draw() -> None:
    ill, score, units = made(decimals=9)
    draws = resamples(units, n_resamples=40, seed=1)
    found = weighted_calibration_error(ill, score, weights_of(draws, 90))
    np.testing.assert_allclose(found, [expected_calibration_error(ill[r], score[r]) for r in draws], atol=1e-12)


def test_a_draw_without_a_class_is_nan_and_left_out() -> None:
    ill, score = np.arange(8) == 0, np.arange(8.0)
    found = ranked_draws(ill, score, np.array([[0, 1, 1, 1, 1, 1, 1, 2], [1] * 8], np.uint16))
    assert math.isnan(found.auroc[0])
    assert found.auroc[1] == 0
    got = percentile(0.0, found.auroc, 8)
    assert "1 draws" in got.method
    assert math.isnan(percentile(math.nan, found.auroc, 8).value)
    assert percentile(0.3, np.array([math.nan]), 8).high == 1


def test_macro_and_micro_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=200)
    truth = one_against_rest(labels, 5)
    score = rng.random((200, 5)) + 0.4 * truth
    weights = unit_weights(None, 200, n_resamples=300, seed=0)
    draws = column_draws(truth, score, weights)
    assert draws[4] is None, "no case of the fifth class"
    got = macro_estimate("auroc", truth, score, draws, np.arange(200))
    assert got.value == pytest.approx(roc_auc_score(truth[:, :4], score[:, :4], average="macro"))
    assert got.low < got.value < got.high
    micro = micro_estimates(truth, score, weights, np.arange(200))
    assert micro["auroc"].value == pytest.approx(auroc(truth.ravel(), score.ravel()))
    assert micro["average_precision"].value == pytest.approx(average_precision_score(truth, score, average="micro"))
    perfect = macro_estimate("auroc", truth, truth * 1.0, column_draws(truth, truth * 1.0, weights), np.arange(200))
    assert perfect.value == perfect.high == 1
    assert 0.8 < perfect.low < 1, "no draw says otherwise, and yet it is not certain"
    row = weights[0].astype(float)
    drawn = ranked_draws(truth.T.ravel(), score.T.ravel(), weights[:1], rows=np.tile(np.arange(200), 5))
    expected = roc_auc_score(truth.T.ravel(), score.T.ravel(), sample_weight=np.tile(row, 5))
    assert drawn.auroc[0] == pytest.approx(expected)
