"""The predictor learns costs from measured files, says how well, and its band holds what it promises."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="predicting needs scikit-learn")

from bedside.base.errors import InputError
from bedside.compress.latency_predictor import MIN_MEASURED, learn_costs


def networks(n: int, seed: int) -> tuple[list[dict[str, float]], np.ndarray]:
    """Counts of n networks, and what they cost: depthwise work is dear, and every layer has its price."""
    rng = np.random.default_rng(seed)
    names = ("dense_mmacs", "pointwise_mmacs", "depthwise_mmacs", "n_layers", "map_values_m", "int8_kib")
    rows = np.exp(rng.normal(0, 0.8, (n, len(names)))) * [5, 10, 2, 30, 0.5, 100]
    cost = 0.02 + rows @ [0.01, 0.012, 0.05, 0.004, 0.1, 0.0] * np.exp(rng.normal(0, 0.05, n))
    return [dict(zip(names, row, strict=True)) for row in rows], cost


def test_it_learns_as_more_is_measured() -> None:
    held, truth = networks(60, 99)
    errors = {}
    for n in (8, 16, 40):
        predictor = learn_costs(*networks(n, 0))
        guesses = np.array([predictor.predict(one).value for one in held])
        errors[n] = np.median(np.abs(guesses / truth - 1))
    assert errors[40] < 0.08
    assert errors[40] < errors[8]


def test_the_band_holds_what_it_says() -> None:
    inside = []
    for seed in range(8):
        predictor = learn_costs(*networks(30, seed))
        held, truth = networks(40, 1000 + seed)
        bands = [predictor.predict(one) for one in held]
        inside += [band.low <= value <= band.high for band, value in zip(bands, truth, strict=True)]
        assert 0.85 < bands[0].level_frac <= 0.9
    assert 0.8 < np.mean(inside) <= 1


def test_the_error_that_it_reports_is_near_the_true_one() -> None:
    predictor = learn_costs(*networks(40, 3))
    held, truth = networks(80, 4)
    true = np.median(np.abs(np.array([predictor.predict(one).value for one in held]) / truth - 1))
    assert predictor.error_frac == pytest.approx(true, rel=0.8)


def test_trees_win_where_a_sum_is_wrong() -> None:
    features, _ = networks(60, 5)
    cost = [10.0 if one["n_layers"] > 30 else 1.0 for one in features]
    predictor = learn_costs(features, cost)
    assert predictor.learner == "trees"
    assert predictor.predict({**features[0], "n_layers": 100.0}).value > 4


def test_few_files_promise_less() -> None:
    features, cost = networks(MIN_MEASURED, 6)
    predictor = learn_costs(features, cost)
    assert predictor.level_frac < 0.9, "the largest of six errors is passed by one in seven"
    band = predictor.predict(features[0])
    assert band.low < band.value < band.high


@pytest.mark.parametrize("n", [0, MIN_MEASURED - 1])
def test_too_few_are_refused(refuses, n: int) -> None:
    features, cost = networks(MIN_MEASURED, 7)
    with refuses(InputError, "at least"):
        learn_costs(features[:n], cost[:n])
