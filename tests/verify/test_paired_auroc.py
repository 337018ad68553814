"""The interval that verdicts rest on, against a numerical optimizer, and how often it errs."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from bedside.base.estimate import Estimate
from bedside.verify.delong import delong_test
from bedside.verify.equivalence import auroc_equivalence
from bedside.verify.paired_auroc import PairedAreas, auroc_difference, paired_areas
from bedside.verify.placements import placements


def pair(n: int, prevalence: float, seed: int, correlation: float = 0.8, gap: float = 0.05):
    """Truth and two scores whose true AUROCs are 0.9 - `gap` and 0.9."""
    rng = np.random.default_rng(seed)
    ill = np.arange(n) < round(prevalence * n)
    shared = rng.normal(size=n)
    scores = [
        stats.norm.ppf(area) * math.sqrt(2) * ill
        + math.sqrt(correlation) * shared
        + math.sqrt(1 - correlation) * rng.normal(size=n)
        for area in (0.9 - gap, 0.9)
    ]
    return ill, scores[0], scores[1]


def found_in(n: int, prevalence: float, seed: int) -> PairedAreas:
    found = paired_areas(*pair(n, prevalence, seed))
    assert isinstance(found, PairedAreas)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_the_ends_are_the_extremes_over_the_ellipse(seed: int) -> None:
    found = found_in(200, 0.2, seed)
    areas = np.array([found.first, found.second])
    slopes = 1 / (areas * (1 - areas))
    root = np.linalg.cholesky(found.covariance * np.outer(slopes, slopes))
    reach = stats.t.ppf(0.975, found.dof)

    def difference(angle: float) -> float:
        logits = np.log(areas / (1 - areas)) + reach * root @ [math.cos(angle), math.sin(angle)]
        one, two = 1 / (1 + np.exp(-logits))
        return float(one - two)

    grid = np.linspace(0, 2 * math.pi, 721)
    values = np.array([difference(angle) for angle in grid])
    low = optimize.minimize_scalar(difference, bracket=[grid[values.argmin()] + d for d in (-0.01, 0.01)]).fun
    high = -optimize.minimize_scalar(
        lambda a: -difference(a), bracket=[grid[values.argmax()] + d for d in (-0.01, 0.01)]
    ).fun
    got = found.interval(0.95)
    assert (got.low, got.high) == pytest.approx((low, high), abs=2e-5)


def test_with_many_cases_it_is_delongs() -> None:
    ill, small, reference = pair(20_000, 0.3, seed=0)
    got, classic = auroc_difference(ill, small, reference), delong_test(ill, small, reference).difference
    assert got.value == classic.value
    assert (got.low, got.high) == pytest.approx((classic.low, classic.high), abs=2e-4)


def test_with_few_ill_it_is_wider_and_longer_below() -> None:
    ill, small, reference = pair(400, 0.1, seed=1)
    got, classic = auroc_difference(ill, small, reference), delong_test(ill, small, reference).difference
    assert got.low < classic.low
    assert got.value - got.low > got.high - got.value


def test_copies_of_images_add_nothing() -> None:
    ill, small, reference = pair(300, 0.2, seed=2)
    once = auroc_difference(ill, small, reference)
    copied = auroc_difference(*(np.repeat(a, 4) for a in (ill, small, reference)), np.repeat(np.arange(300), 4))
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=0.003)


def test_p_value_and_interval_agree() -> None:
    found = found_in(300, 0.2, seed=3)
    for level in (0.90, 0.95, 0.99):
        got = found.interval(level)
        assert found.p_value(got.low) == pytest.approx((1 - level) / 2, abs=1e-6)
        assert found.p_value(got.high) == pytest.approx((1 - level) / 2, abs=1e-6)


def test_what_has_no_error_has_none_made_up() -> None:
    ill = np.arange(30) < 12
    score = np.random.default_rng(0).normal(size=30)
    same = auroc_difference(ill, score, score)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert math.isnan(auroc_difference(np.ones(30, bool), score, -score).value)
    lonely = auroc_difference(np.arange(30) < 1, score, -score)
    assert (lonely.low, lonely.high) == (-1, 1)
    perfect = auroc_difference(ill, ill + 0.0 * score, score)
    assert -1 <= perfect.low < perfect.value < perfect.high <= 1
    assert "one is perfect" in perfect.method
    assert isinstance(paired_areas(ill, score, score), Estimate)


def test_its_variance_is_delongs_with_four_cases_added() -> None:
    ill, small, reference = pair(150, 0.2, seed=4)
    found = paired_areas(ill, small, reference)
    assert isinstance(found, PairedAreas)
    classic = placements(ill, [small, reference])
    assert classic is not None
    up, down, _ = classic.parts()
    np.testing.assert_allclose(found.covariance, up * 34 / 30 + down * 124 / 120, rtol=1e-12)


def test_at_the_margin_equivalence_is_claimed_no_more_often_than_it_may() -> None:
    """400 cases of which 40 are ill, true difference just the margin: DeLong's own interval passes 7 %."""
    n_passed = sum(auroc_equivalence(*pair(400, 0.1, seed), margin=0.05).verdict == "PASS" for seed in range(1500))
    assert stats.binomtest(n_passed, 1500, 0.055, alternative="greater").pvalue > 0.01
    assert n_passed > 30, "nor is it so careful that nothing ever passes"
