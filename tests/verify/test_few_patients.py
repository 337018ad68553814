"""What intervals say where one class has a handful of patients."""

import numpy as np
import pytest

from bedside.verify.agreement import kappa_estimate, mcc_estimate
from bedside.verify.average_precision import _self_count, average_precision, average_precision_estimate
from bedside.verify.checking import FEW_PATIENTS
from bedside.verify.clusters import FEW, few_note
from bedside.verify.diagnostics import diagnose
from bedside.verify.fixed_rate import (
    sensitivity_at_specificity,
    sensitivity_at_specificity_estimate,
    specificity_at_sensitivity_estimate,
)


def made(n_ill: int, n_well: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    ill = np.arange(n_ill + n_well) < n_ill
    return ill, 1 / (1 + np.exp(-(rng.normal(size=len(ill)) + 1.5 * ill - 1)))


def test_every_figure_that_compares_classes_says_that_they_are_few() -> None:
    ill, probability = made(4, 60)
    got = diagnose(ill, probability, probability >= 0.5, n_resamples=20)
    assert got.flags == (FEW_PATIENTS.format(n=4),)
    for name in (
        "auroc",
        "average_precision",
        "sensitivity",
        "mcc",
        "kappa",
        "brier",
        "calibration_slope",
        "calibration_intercept",
        "sensitivity_at_specificity_90",
        "specificity_at_sensitivity_95",
    ):
        assert f"fewer than {FEW}" in got.metrics[name].method, name
    assert "fewer" not in got.metrics["specificity"].method
    enough = diagnose(*made(30, 60), np.arange(90) < 20, n_resamples=20)
    assert enough.flags == ()
    assert not [name for name, estimate in enough.metrics.items() if "fewer" in estimate.method]
    assert few_note(10, 10, "conservative") == ""


def test_the_patients_count_and_not_their_images() -> None:
    ill, probability = made(40, 160)
    patient = np.r_[np.arange(40) // 10, 4 + np.arange(160) // 2]
    got = diagnose(ill, probability, probability >= 0.5, units=patient, n_resamples=20)
    assert got.flags == (FEW_PATIENTS.format(n=4),)


def test_the_self_count_is_that_of_every_pair() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        n = 60
        ill, score, unit = rng.random(n) < 0.4, np.round(rng.normal(size=n), 1), rng.integers(15, size=n)
        expected = 0.0
        for i in np.flatnonzero(ill):
            above = score >= score[i]
            own = above & (unit == unit[i])
            expected += ((ill & own).sum() - (ill & above).sum() / above.sum() * own.sum()) / above.sum()
        assert _self_count(ill, score, unit) == pytest.approx(max(0.0, expected / ill.sum()), abs=1e-12)


def test_the_self_count_is_the_bias_that_simulation_shows() -> None:
    """The mean over small cohorts lies above the value of a huge one by about the self-count."""
    ill, probability = made(20_000, 180_000, seed=2)
    truth = average_precision(ill, probability)
    found, counted = [], []
    for seed in range(600):
        small = made(20, 180, seed=10 + seed)
        found.append(average_precision(*small))
        counted.append(_self_count(*small, np.arange(200)))
    bias = np.mean(found) - truth
    assert bias > 0
    assert 0.3 < bias / np.mean(counted) < 1.3
    assert average_precision_estimate(*made(20, 180)).low > 0.1


@pytest.mark.parametrize(("n_ill", "n_well"), [(200, 300), (60, 500)])
def test_held_rates_have_the_spread_of_the_bootstrap(n_ill: int, n_well: int) -> None:
    ill, probability = made(n_ill, n_well)
    got = sensitivity_at_specificity_estimate(ill, probability, 0.9)
    rng = np.random.default_rng(3)
    found = []
    for _ in range(600):
        rows = np.r_[rng.integers(n_ill, size=n_ill), n_ill + rng.integers(n_well, size=n_well)]
        found.append(sensitivity_at_specificity(ill[rows], probability[rows], 0.9))
    low, high = np.percentile(found, [2.5, 97.5])
    assert got.high - got.low == pytest.approx(high - low, rel=0.25)
    assert (got.low, got.high) == pytest.approx((low, high), abs=0.06)


def test_where_nothing_bounds_the_threshold_one_end_is_open() -> None:
    """The lowest of 15 scores lies above the true 5 % quantile in 46 of 100 cohorts: no specificity can be promised."""
    ill, probability = made(15, 300)
    got = specificity_at_sensitivity_estimate(ill, probability, 0.95)
    assert got.low == 0
    assert 0 < got.value < got.high < 1


@pytest.mark.parametrize("n_ill", [2, 5, 9])
def test_mcc_and_kappa_of_a_perfect_handful_are_not_sure(n_ill: int) -> None:
    ill = np.arange(100) < n_ill
    for got in (mcc_estimate(ill, ill), kappa_estimate(ill.astype(int), ill.astype(int), 2)):
        assert got.value == pytest.approx(1)
        assert got.low < 0.9
