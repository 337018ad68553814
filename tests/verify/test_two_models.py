"""Two models on the same cases, margins, power, and many tests at once."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests

from bedside.base.errors import InputError, LeakError
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.verify.comparison import Outputs, compare_models
from bedside.verify.cross_validation import corrected_resampled_test, cross_validated
from bedside.verify.equivalence import auroc_equivalence, judge_equivalence, judge_non_inferiority
from bedside.verify.intervals import resamples
from bedside.verify.power import (
    equivalence_power,
    non_inferiority_power,
    patients_for_equivalence,
    patients_for_non_inferiority,
    patients_for_width,
)
from bedside.verify.two_models import compare_arms, holm, mcnemar, paired_bootstrap


def right(n_both: int, n_first: int, n_second: int, n_none: int) -> tuple[np.ndarray, np.ndarray]:
    first = np.repeat([True, True, False, False], [n_both, n_first, n_second, n_none])
    second = np.repeat([True, False, True, False], [n_both, n_first, n_second, n_none])
    return first, second


@pytest.mark.parametrize("counts", [(50, 9, 3, 5), (0, 1, 0, 0), (10, 4, 4, 1), (500, 120, 80, 30)])
def test_mcnemar_is_that_of_statsmodels(counts: tuple[int, int, int, int]) -> None:
    both, b, c, none = counts
    first, second = right(*counts)
    exact = mcnemar(first, second, tail="exact")
    assert exact.p_value == pytest.approx(their_mcnemar([[both, b], [c, none]], exact=True).pvalue, abs=1e-9)
    seen = stats.binom.pmf(min(b, c), b + c, 0.5)
    half = 1.0 if b == c else min(1.0, 2 * stats.binom.cdf(min(b, c), b + c, 0.5)) - seen
    assert mcnemar(first, second).p_value == pytest.approx(half, abs=1e-9)
    assert exact.difference.low <= (b - c) / sum(counts) <= exact.difference.high


def test_mcnemar_without_a_discordant_pair_and_with_repeated_patients() -> None:
    same = mcnemar(*right(9, 0, 0, 3))
    assert same.p_value == 1
    first, second = right(50, 16, 4, 10)
    alone = mcnemar(first, second).p_value
    copied = mcnemar(np.repeat(first, 5), np.repeat(second, 5), np.repeat(np.arange(80), 5))
    assert copied.p_value == pytest.approx(alone, abs=0.01)
    assert mcnemar(np.repeat(first, 5), np.repeat(second, 5)).p_value < 1e-6, "as if the copies were patients"


def test_holm_is_that_of_statsmodels_and_leaves_nan_out(refuses) -> None:
    p = [0.001, 0.2, 0.04, 0.03, 0.9]
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], atol=1e-12)
    with_nan = holm([0.01, math.nan, 0.04])
    assert with_nan[0] == pytest.approx(0.02)
    assert math.isnan(with_nan[1])
    with refuses(InputError, "p-value"):
        holm([1.2])


def test_patients_in_both_arms_are_refused(refuses) -> None:
    arm = (np.arange(20) < 8, np.arange(20.0)[::-1], [f"p{i}" for i in range(20)])
    with refuses(LeakError, "both arms"):
        compare_arms(arm, (arm[0], arm[1], ["p3", *(f"q{i}" for i in range(19))]))
    other = (arm[0], np.random.default_rng(0).random(20), [f"q{i}" for i in range(20)])
    got = compare_arms(arm, other)
    assert got.difference.value > 0.2
    assert got.p_value < 0.05


def test_the_paired_bootstrap_agrees_with_the_t_test() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=300)
    two = one + rng.normal(size=300) * 0.5 - 0.06
    draws = resamples([str(i) for i in range(300)], n_resamples=2000, seed=0)
    got = paired_bootstrap(lambda r: (float(one[r].mean()), float(two[r].mean())), draws, n_rows=300, n_patients=300)
    assert got.p_value == pytest.approx(stats.ttest_rel(one, two).pvalue, abs=0.02)
    nothing = paired_bootstrap(lambda r: (math.nan, 1.0), draws[:5], n_rows=300, n_patients=300)
    assert math.isnan(nothing.p_value)


def difference(value: float, half: float) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, n_patients=100)


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [(0.0, 0.01, "PASS"), (0.0, 0.04, "INCONCLUSIVE"), (-0.1, 0.01, "FAIL"), (0.1, 0.01, "FAIL"), (0.03, 0.01, "PASS")],
)
def test_equivalence_is_two_one_sided_tests(value: float, error: float, verdict: str) -> None:
    got = judge_equivalence(difference(value, 1.959964 * error), 0.05)
    assert got.verdict == verdict
    tails = [stats.norm.sf((0.05 + value) / error), stats.norm.sf((0.05 - value) / error)]
    assert got.p_value == pytest.approx(max(tails), abs=1e-6)
    assert (got.p_value < 0.05) == (got.verdict == "PASS")
    assert got.difference.level_frac == 0.90


def test_what_cannot_be_estimated_proves_nothing(refuses) -> None:
    blank = Estimate(value=math.nan, low=-1, high=1, n_patients=0)
    assert judge_equivalence(blank, 0.05).verdict == judge_non_inferiority(blank, 0.05).verdict == "INCONCLUSIVE"
    ill = np.arange(30) < 10
    got = auroc_equivalence(ill, np.arange(30.0), np.arange(30.0), margin=0.05)
    assert (got.verdict, got.p_value) == ("PASS", 0)
    with refuses(InputError, "margin"):
        judge_equivalence(blank, 0.0)


def test_power_is_what_simulation_finds_and_the_sample_size_turns_it_round() -> None:
    rng = np.random.default_rng(0)
    found = rng.normal(0.005, 0.012, size=200_000)
    at = {"true_difference": 0.005, "margin": 0.03, "standard_error": 0.012}
    passed = (found - 1.959964 * 0.012 > -0.03).mean()
    assert non_inferiority_power(**at) == pytest.approx(passed, abs=5e-3)
    inside = (np.abs(found) < 0.03 - 1.644854 * 0.012).mean()
    assert equivalence_power(**at) == pytest.approx(inside, abs=5e-3)
    n = patients_for_non_inferiority(true_difference=0.0, margin=0.02, standard_error=0.02, n_patients=200)
    shrunk = 0.02 * math.sqrt(200 / n)
    assert 0.8 <= non_inferiority_power(true_difference=0.0, margin=0.02, standard_error=shrunk) < 0.802
    n = patients_for_equivalence(true_difference=0.0, margin=0.02, standard_error=0.02, n_patients=200)
    shrunk = 0.02 * math.sqrt(200 / n)
    assert 0.8 <= equivalence_power(true_difference=0.0, margin=0.02, standard_error=shrunk) < 0.802
    beyond = {"true_difference": -0.02, "margin": 0.02, "standard_error": 0.02, "n_patients": 200}
    assert patients_for_non_inferiority(**beyond) is patients_for_equivalence(**beyond) is None
    assert patients_for_width(0.9, 0.05, prevalence=0.1) == 1390, "Buderer 1996: 139 ill patients at 10 %"


def test_cross_validation_asks_for_more_than_the_plain_t() -> None:
    scores = [0.80, 0.84, 0.79, 0.86, 0.82]
    got = cross_validated(scores, test_over_train_frac=0.25, n_patients=100)
    half = stats.t.ppf(0.975, 4) * math.sqrt((1 / 5 + 0.25) * np.var(scores, ddof=1))
    assert (got.low, got.high) == pytest.approx((got.value - half, got.value + half), abs=1e-9)
    lacking = cross_validated([0.8, math.nan], test_over_train_frac=0.25, n_patients=9)
    assert (lacking.value, lacking.low, lacking.high) == (0.8, 0, 1)
    assert math.isnan(cross_validated([], test_over_train_frac=0.25, n_patients=0).value)
    same = corrected_resampled_test(scores, scores, test_over_train_frac=0.25, n_patients=9)
    assert same.p_value == 1
    better = corrected_resampled_test([s + 0.1 + 0.01 * i for i, s in enumerate(scores)], scores,
                                      test_over_train_frac=0.25, n_patients=9)  # fmt: skip
    t = 0.12 / math.sqrt((1 / 5 + 0.25) * np.var(0.01 * np.arange(5), ddof=1))
    assert better.p_value == pytest.approx(2 * stats.t.sf(t, 4), abs=1e-9)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_compare_models_says_equal_of_equals_and_worse_of_worse(n_classes: int) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(n_classes, size=500)
    logits = rng.normal(size=(500, n_classes)) + 2 * np.eye(n_classes)[labels]
    good, bad = (
        Outputs(probabilities=p / p.sum(1, keepdims=True), calls=p.argmax(1))
        for p in (np.exp(logits), np.exp(logits + 3 * rng.normal(size=logits.shape)))
    )
    task = Task(classes=tuple("abcd"[:n_classes]))
    same = compare_models(task, labels, good, good, margin=0.02)
    assert (same.auroc.difference.value, same.calls.p_value) == (0, 1)
    assert same.equivalence.verdict == same.non_inferiority.verdict == "PASS"
    worse = compare_models(task, labels, bad, good, margin=0.02)
    assert worse.auroc.difference.high < 0
    assert worse.auroc.p_value < 0.01
    assert worse.non_inferiority.verdict == "FAIL"
