"""AUROC with its interval: DeLong by definition, clusters, and what a handful of cases can say."""

import math

import numpy as np
import pytest
from scipy import stats

from bedside.base.errors import ShapeError
from bedside.verify.delong import auroc_estimate, delong_test
from bedside.verify.metrics import auroc
from bedside.verify.placements import auroc_influence, placements

WFNS_GOOD, WFNS_POOR = (37, 20, 3, 8, 4), (2, 12, 1, 8, 18)
"""Good and poor outcomes by WFNS grade 1 to 5 in pROC's aSAH cohort, from its operating points (Robin et al. 2011)."""


def made(n: int = 120, seed: int = 0, decimals: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    ill = np.arange(n) % 3 == 0
    first = rng.normal(size=n) + ill
    second = first + rng.normal(size=n)
    return (ill, first, second) if decimals is None else (ill, first.round(decimals), second.round(decimals))


def by_definition(ill: np.ndarray, *scores: np.ndarray) -> np.ndarray:
    ups, downs = [], []
    for score in scores:
        gap = score[ill][:, None] - score[~ill][None]
        wins = (gap > 0) + 0.5 * (gap == 0)
        ups.append(wins.mean(1))
        downs.append(wins.mean(0))
    return np.cov(np.stack(ups)) / ill.sum() + np.cov(np.stack(downs)) / (~ill).sum()


@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_the_covariance_is_delongs_with_and_without_ties(decimals: int | None) -> None:
    ill, first, second = made(decimals=decimals)
    found = placements(ill, [first, second])
    np.testing.assert_allclose(found.covariance(), by_definition(ill, first, second), atol=1e-15)
    np.testing.assert_allclose(found.areas, [auroc(ill, first), auroc(ill, second)], atol=1e-15)


def test_procs_published_example() -> None:
    ill = np.arange(113) >= 72
    grade = np.concatenate([np.repeat(np.arange(5.0), counts) for counts in (WFNS_GOOD, WFNS_POOR)])
    found = placements(ill, [grade])
    area, half = float(found.areas[0]), stats.norm.ppf(0.975) * math.sqrt(found.covariance()[0, 0])
    expected = (0.748534887819453, 0.823678861788618, 0.898822835757783)
    assert (area - half, area, area + half) == pytest.approx(expected, abs=1e-12)


def test_the_paired_test_is_delongs() -> None:
    ill, first, second = made()
    covariance = by_definition(ill, first, second)
    error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    got = delong_test(ill, first, second)
    value = auroc(ill, first) - auroc(ill, second)
    assert got.difference.value == pytest.approx(value)
    assert got.p_value == pytest.approx(2 * stats.norm.sf(abs(value) / error), abs=1e-12)
    assert got.difference.low == pytest.approx(value - stats.norm.ppf(0.975) * error)


def test_images_of_one_patient_are_not_many_witnesses() -> None:
    """Every image copied four times: as many patients, the same estimate, the interval of the patients."""
    ill, first, second = made()
    patients = np.arange(len(ill))
    once, copied = (auroc_estimate(np.repeat(ill, k), np.repeat(first, k), np.repeat(patients, k)) for k in (1, 4))
    assert copied.n_patients == once.n_patients == 120
    assert (copied.value, copied.low, copied.high) == pytest.approx((once.value, once.low, once.high), abs=1e-3)
    alone = auroc_estimate(np.repeat(ill, 4), np.repeat(first, 4))
    assert alone.high - alone.low < 0.6 * (copied.high - copied.low)
    tests = [delong_test(*(np.repeat(x, k) for x in (ill, first, second)), np.repeat(patients, k)) for k in (1, 4)]
    assert tests[0].p_value == pytest.approx(tests[1].p_value, rel=0.05)


def test_influence_is_the_derivative_by_a_cases_weight() -> None:
    from sklearn.metrics import roc_auc_score

    ill, first, _ = made(40, decimals=1)
    influence = auroc_influence(ill, first)
    for i in (0, 1, 17):
        up, down = np.ones(40), np.ones(40)
        up[i] += 1e-5
        down[i] -= 1e-5
        slope = (roc_auc_score(ill, first, sample_weight=up) - roc_auc_score(ill, first, sample_weight=down)) / 2e-5
        assert influence[i] == pytest.approx(slope, abs=1e-8)


def test_perfect_separation_is_never_certain() -> None:
    ill = np.arange(30) < 6
    got = auroc_estimate(ill, ill.astype(float))
    assert (got.value, got.high) == (1, 1)
    assert got.low == pytest.approx(0.025 ** (1 / 6)), "six independent pairs, all concordant"
    turned = auroc_estimate(ill, ~ill * 1.0)
    assert (turned.value, turned.low) == (0, 0)
    assert turned.high == pytest.approx(1 - 0.025 ** (1 / 6))


@pytest.mark.parametrize("all_ill", [True, False])
def test_one_class_only_is_not_estimable(all_ill: bool) -> None:
    ill = np.full(9, all_ill)
    got = auroc_estimate(ill, np.arange(9.0))
    assert math.isnan(got.value)
    assert (got.low, got.high, got.n_patients) == (0, 1, 9)
    test = delong_test(ill, np.arange(9.0), np.arange(9.0))
    assert math.isnan(test.p_value)
    assert (test.difference.low, test.difference.high) == (-1, 1)


def test_one_ill_case_and_constant_scores_have_wide_intervals() -> None:
    ill = np.arange(40) == 7
    alone = auroc_estimate(ill, np.r_[np.arange(7.0), 20.5, np.arange(8.0, 40.0)])
    assert "Hanley" in alone.method
    assert alone.high - alone.low > 0.6
    flat = auroc_estimate(np.arange(40) < 20, np.full(40, 0.5))
    assert flat.value == 0.5
    assert flat.low < 0.4 < 0.6 < flat.high


def test_equal_models_differ_by_nothing_and_degenerate_ones_say_so() -> None:
    ill, first, _ = made()
    same = delong_test(ill, first, first)
    assert (same.difference.low, same.difference.value, same.difference.high, same.p_value) == (0, 0, 0, 1)
    alike = delong_test(ill, first, first * 2 + 1)
    assert (alike.difference.low, alike.difference.value, alike.difference.high, alike.p_value) == (0, 0, 0, 1)
    alike = delong_test(ill, ill + first * 1e-3, ill + first * 2e-3)
    far = 1 - stats.binomtest(int(ill.sum()), int(ill.sum())).proportion_ci(method="exact").low
    assert (alike.difference.value, alike.p_value) == (0, 1)
    assert (-alike.difference.low, alike.difference.high) == (pytest.approx(far), pytest.approx(far))
    perfect_and_constant = delong_test(ill, ill.astype(float), np.zeros(len(ill)))
    assert math.isnan(perfect_and_constant.p_value)
    assert (perfect_and_constant.difference.low, perfect_and_constant.difference.high) == (-1, 1)


def test_lists_that_do_not_match_are_refused(refuses) -> None:
    ill, first, _ = made()
    with refuses(ShapeError):
        auroc_estimate(ill, first[1:])
    with refuses(ShapeError):
        auroc_estimate(ill, first, np.arange(3))
