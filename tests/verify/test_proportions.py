"""Shares, design effects, predictive values at another prevalence, likelihood ratios."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.proportion import proportion_confint

from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.intervals import wilson
from bedside.verify.proportions import (
    blaker_interval,
    clopper_pearson,
    likelihood_ratios,
    predictive_values,
    ratio,
    share,
    simel_ratio,
)


def everyone(n: int) -> np.ndarray:
    return np.ones(n, bool)


@pytest.mark.parametrize(("n_hits", "n"), [(0, 5), (5, 5), (1, 1), (3, 9), (3, 20), (199, 200)])
def test_without_repeats_it_is_wilsons_and_exact_below_ten(n_hits: int, n: int) -> None:
    hits = np.arange(n) < n_hits
    found = share(hits, everyone(n))
    low, high = proportion_confint(n_hits, n, method="beta" if n < 10 else "wilson")
    if n < 10:
        assert low - 1e-4 <= found.low <= found.high <= high + 1e-4, "Blaker's ends lie inside Clopper and Pearson's"
    else:
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert ("fewer than 10 independent cases: conservative" in found.method) == (n < 10)
    got = clopper_pearson(n_hits, n)
    assert (got.low, got.high) == pytest.approx(proportion_confint(n_hits, n, method="beta"), abs=1e-9)


def test_copies_add_nothing_and_independent_images_of_a_patient_add_nearly_all() -> None:
    rng = np.random.default_rng(0)
    hits = rng.random(60) < 0.7
    copied = share(np.repeat(hits, 5), everyone(300), np.repeat(np.arange(60), 5))
    once = share(hits, everyone(60))
    assert copied.low == pytest.approx(once.low, abs=0.01)
    independent = share(rng.random(3000) < 0.7, everyone(3000), np.repeat(np.arange(1000), 3))
    naive = wilson(2100, 3000)
    assert independent.high - independent.low == pytest.approx(naive.high - naive.low, rel=0.1)


def test_a_share_of_one_counts_patients() -> None:
    got = share(everyone(100), everyone(100), np.arange(100) // 10)
    assert (got.value, got.high) == (1, 1)
    assert got.low == pytest.approx(wilson(10, 10).low)


def test_blakers_ends_are_where_what_was_seen_stops_being_believable() -> None:
    """By the definition: tail of what was seen, and every count of the other tail that is no likelier to be so far."""
    k, n = 3, 10

    def believable(share_frac: float) -> float:
        counts = np.arange(n + 1)
        tails = np.minimum(stats.binom.cdf(counts, n, share_frac), stats.binom.sf(counts - 1, n, share_frac))
        return float(stats.binom.pmf(counts, n, share_frac)[tails <= tails[k] + 1e-12].sum())

    low, high = blaker_interval(k, n)
    assert believable(low - 1e-4) < 0.05 < believable(low + 2e-4)
    assert believable(high + 1e-4) < 0.05 < believable(high - 2e-4)
    assert (blaker_interval(0, 5)[0], blaker_interval(5, 5)[1]) == (0, 1)


@pytest.mark.parametrize("n", range(1, 10))
def test_a_handful_is_covered_whatever_the_truth(n: int) -> None:
    """Wilson's interval of one case misses a true 0.8 in a fifth of samples; the exact one in none."""
    ends = [share(np.arange(n) < hits, everyone(n)) for hits in range(n + 1)]
    for truth in np.linspace(0.02, 0.98, 25):
        held = [e.low <= truth <= e.high for e in ends]
        assert stats.binom.pmf(np.arange(n + 1), n, truth) @ np.array(held) >= 0.95


def test_a_share_of_nothing_is_not_made_up() -> None:
    got = share(everyone(4), ~everyone(4))
    assert math.isnan(got.value)
    assert (got.low, got.high) == (0, 1)


def test_predictive_values_follow_bayes() -> None:
    sensitivity, specificity = wilson(90, 100), wilson(160, 200)
    ppv, npv = predictive_values(sensitivity, specificity, 0.02)
    assert ppv.value == pytest.approx(0.9 * 0.02 / (0.9 * 0.02 + 0.2 * 0.98))
    assert npv.value == pytest.approx(0.8 * 0.98 / (0.8 * 0.98 + 0.1 * 0.02))
    assert ppv.low < ppv.value < ppv.high < 0.2
    at_study, _ = predictive_values(sensitivity, specificity, 1 / 3)
    assert at_study.value == pytest.approx(90 / (90 + 40)), "at the study's own prevalence it is the plain PPV"


def test_predictive_values_at_the_ends(refuses) -> None:
    ppv, _ = predictive_values(wilson(10, 10), wilson(20, 20), 0.1)
    assert ppv.value == 1
    assert 0 < ppv.low < 0.8
    for prevalence in (0.0, 1.0):
        assert math.isnan(predictive_values(wilson(9, 10), wilson(9, 10), prevalence)[0].value)
    with refuses(InputError, "prevalence"):
        predictive_values(wilson(9, 10), wilson(9, 10), 2.0)
    nothing = predictive_values(wilson(0, 0), wilson(9, 10), 0.1)
    assert math.isnan(nothing[0].value)


def test_simels_interval_is_that_of_statsmodels() -> None:
    got = simel_ratio(45, 50, 30, 100)
    table = Table2x2([[45, 5], [30, 70]], shift_zeros=False)
    assert (got.value, got.low, got.high) == pytest.approx((3.0, *table.riskratio_confint()), abs=1e-9)
    assert simel_ratio(5, 5, 0, 9).value == math.inf
    assert math.isnan(simel_ratio(0, 5, 0, 9).value)


def test_movers_ratio_is_close_to_simels_and_exists_at_the_ends() -> None:
    lr_positive, lr_negative = likelihood_ratios(wilson(450, 500), wilson(700, 1000))
    simel = simel_ratio(450, 500, 300, 1000)
    ends = (simel.value, simel.low, simel.high)
    assert (lr_positive.value, lr_positive.low, lr_positive.high) == pytest.approx(ends, rel=0.02)
    assert lr_negative.value == pytest.approx(0.1 / 0.7)
    infinite, zero = likelihood_ratios(wilson(20, 20), wilson(30, 30))
    assert infinite.value == infinite.high == math.inf
    assert infinite.low > 5
    assert (zero.value, zero.low) == (0, 0)
    assert 0 < zero.high < 0.3
    nothing = Estimate(value=0.0, low=0.0, high=0.1, n_patients=9)
    assert math.isnan(ratio(nothing, nothing).value)
