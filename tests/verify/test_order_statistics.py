"""Where a quantile may lie, against SciPy's beta and binomial distributions."""

import math

import numpy as np
import pytest
from scipy import stats

from bedside.verify.order_statistics import quantile_levels, student_tail


@pytest.mark.parametrize(("n", "prob"), [(200, 0.95), (90.7, 0.9), (60, 0.5), (2000, 0.95), (40, 0.9)])
@pytest.mark.parametrize("tail", [0.025, 0.05])
def test_each_end_is_missed_with_the_asked_probability(n: float, prob: float, tail: float) -> None:
    upper, lower = quantile_levels(n, prob, tail=tail)
    assert upper is not None
    assert lower is not None
    for level, missed in ((upper, tail), (lower, 1 - tail)):
        rank = level * n + 0.5
        assert stats.beta.cdf(prob, rank, n + 1 - rank) == pytest.approx(missed, abs=1e-6)
    assert lower < prob < upper


def test_a_whole_rank_has_the_binomials_own_tail() -> None:
    """P(X_(r) < q) is P(at least r of n below q)."""
    n, prob, rank = 30, 0.8, 28
    tail = float(stats.binom.sf(rank - 1, n, prob))
    upper, _ = quantile_levels(n, prob, tail=tail)
    assert upper == pytest.approx((rank - 0.5) / n, abs=1e-6)


def test_what_no_value_bounds_has_no_end() -> None:
    assert quantile_levels(20, 0.95, tail=0.025)[0] is None, "0.95^20 = 0.36"
    assert quantile_levels(20, 0.05, tail=0.025)[1] is None
    assert quantile_levels(73, 0.95, tail=0.025)[0] is not None, "0.95^73 = 0.024"


def test_the_interval_of_a_quantile_covers() -> None:
    rng, n, prob = np.random.default_rng(0), 90, 0.9
    upper, lower = quantile_levels(n, prob, tail=0.025)
    values = np.sort(rng.normal(size=(4000, n)), axis=1)
    ends = [
        np.array([np.interp(level * n - 0.5, np.arange(n), row) for row in values]) for level in (lower, upper) if level
    ]
    true = stats.norm.ppf(prob)
    assert np.mean((ends[0] <= true) & (true <= ends[1])) == pytest.approx(0.95, abs=0.012)


def test_a_students_tail_is_thinner_than_it_is_asked_for() -> None:
    assert student_tail(0.025, stats.t.ppf(0.975, 5)) == pytest.approx(stats.norm.sf(stats.t.ppf(0.975, 5)))
    assert student_tail(0.025, 1.0) == 0.025
    assert student_tail(0.025, math.inf) == 0
