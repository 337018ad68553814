"""Confidence intervals: Wilson's own, and the patient as the unit."""

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score
from statsmodels.stats.proportion import proportion_confint

from bedside.base.errors import ShapeError
from bedside.verify.intervals import bootstrap, confusion, f1_of, macro, resamples, wilson
from bedside.verify.metrics import auroc


@pytest.mark.parametrize(
    ("n_hits", "n_tried"), [(0, 1), (1, 1), (0, 10), (9, 10), (10, 10), (5, 10), (624, 1000), (1, 624)]
)
def test_wilson_is_that_of_statsmodels(n_hits: int, n_tried: int) -> None:
    got = wilson(n_hits, n_tried)
    low, high = proportion_confint(n_hits, n_tried, alpha=0.05, method="wilson")
    assert (got.value, got.low, got.high) == pytest.approx((n_hits / n_tried, low, high), abs=1e-9)
    assert got.n_patients == n_tried


def test_fewer_patients_than_images_widen_the_interval() -> None:
    images, patients = wilson(80, 100), wilson(80, 100, n_patients=20)
    low, high = proportion_confint(16, 20, alpha=0.05, method="wilson")
    assert (patients.low, patients.high) == pytest.approx((low, high))
    assert patients.low < images.low < images.high < patients.high
    assert patients.n_patients == 20


def test_a_share_of_nothing_is_not_made_up() -> None:
    got = wilson(0, 0)
    assert math.isnan(got.value)
    assert (got.low, got.high) == (0, 1)


@pytest.mark.parametrize(("n_hits", "n_tried"), [(3, 2), (-1, 5)])
def test_more_hits_than_tries_are_refused(refuses, n_hits: int, n_tried: int) -> None:
    with refuses(ShapeError):
        wilson(n_hits, n_tried)


def test_a_draw_takes_whole_patients() -> None:
    units = ["a", "b", "a", "c", "b", "a"]
    for rows in resamples(units, n_resamples=200, seed=0):
        counts = np.bincount(rows, minlength=6)
        assert counts[0] == counts[2] == counts[5]
        assert counts[1] == counts[4]
        assert counts[0] + counts[1] + counts[3] == 3, "as many patients as there are"


def test_draws_follow_the_seed() -> None:
    units = [str(i) for i in range(30)]
    one, same, other = (np.stack(resamples(units, n_resamples=5, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_repeated_patients_widen_the_bootstrap() -> None:
    """Each of 40 patients is imaged 10 times with nearly one score: 400 images are not 400 witnesses."""
    rng = np.random.default_rng(0)
    sick = np.repeat(np.arange(40) % 2 == 1, 10)
    score = np.repeat(rng.normal(size=40), 10) + sick + rng.normal(size=400) * 0.05
    patients, images = [f"p{i // 10}" for i in range(400)], [str(i) for i in range(400)]

    def width(units: list[str]) -> float:
        got = bootstrap(
            lambda rows: auroc(sick[rows], score[rows]),
            resamples(units, n_resamples=300, seed=0),
            n_rows=400,
            n_patients=40,
        )
        assert got.low <= got.value <= got.high
        return got.high - got.low

    assert width(patients) > 2 * width(images)


def test_the_bootstrap_of_a_mean_is_the_textbooks() -> None:
    values = np.random.default_rng(0).normal(size=400)
    got = bootstrap(
        lambda rows: float(values[rows].mean()),
        resamples([str(i) for i in range(400)], n_resamples=2000, seed=1), n_rows=400, n_patients=400,
    )  # fmt: skip
    error = values.std() / 20
    assert got.value == pytest.approx(values.mean())
    assert got.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert got.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_draws_without_a_value_are_left_out_and_counted() -> None:
    positive, score = np.array([True] + [False] * 9), np.arange(10.0)
    draws = resamples([str(i) for i in range(10)], n_resamples=500, seed=0)
    got = bootstrap(lambda rows: auroc(positive[rows], score[rows]), draws, n_rows=10, n_patients=10)
    n_able = sum(0 < positive[rows].sum() < 10 for rows in draws)
    assert 250 < n_able < 400
    assert f"{n_able} draws" in got.method


def test_a_metric_without_a_value_is_not_estimable() -> None:
    got = bootstrap(lambda rows: math.nan, [np.arange(3)], n_rows=3, n_patients=3)
    assert str(got) == "not estimable"
    assert (got.low, got.high) == (0, 1)


def test_confusion_and_f1() -> None:
    rng = np.random.default_rng(0)
    truth, called = rng.random(50) < 0.4, rng.random(50) < 0.5
    assert f1_of(truth, called) == pytest.approx(f1_score(truth, called))
    assert sum(confusion(truth, called)) == 50
    assert math.isnan(f1_of(np.zeros(3, bool), np.zeros(3, bool)))


def test_unequal_lengths_are_refused(refuses) -> None:
    with refuses(ShapeError):
        confusion(np.zeros(3, bool), np.zeros(4, bool))


def test_macro_leaves_out_what_is_undefined() -> None:
    truth, score = np.eye(3, dtype=bool)[[0, 1, 0, 1]], np.random.default_rng(0).random((4, 3))
    expected = np.mean([auroc(truth[:, k], score[:, k]) for k in (0, 1)])
    assert macro(auroc, truth, score) == pytest.approx(expected)
