"""The mean of a loss that a few rare cases carry."""

import numpy as np
import pytest
from scipy import stats

from bedside.verify.calibration import brier_estimate
from bedside.verify.mean_loss import mean_loss_estimate


def test_many_even_losses_have_the_interval_of_the_t_test() -> None:
    losses = np.random.default_rng(0).beta(2, 5, size=2000)
    got = mean_loss_estimate(losses)
    expected = stats.t.interval(0.95, 1999, losses.mean(), stats.sem(losses))
    assert got.value == pytest.approx(losses.mean())
    # The half case of the worst loss makes the size of a hit a little larger than the data alone say.
    assert (got.low, got.high) == pytest.approx(expected, abs=0.002)


def test_zero_or_one_losses_have_nearly_the_interval_of_a_share() -> None:
    """Losses of 0 and 1 are hits of size 1, so all that differs from Wilson is Student's quantile."""
    losses = (np.arange(3000) < 300).astype(float)
    assert mean_loss_estimate(losses).low == pytest.approx(
        stats.binomtest(300, 3000).proportion_ci(method="wilson").low, abs=5e-4
    )


def test_a_cohort_without_its_rare_patient_does_not_look_sure() -> None:
    """50 cases at 2 %: in a third of cohorts nobody is ill, and the true score of 0.0196 is nowhere in the data."""
    probability = np.full(50, 0.02)
    got = brier_estimate(np.zeros(50, bool), probability)
    assert got.value == pytest.approx(0.0004)
    assert got.low <= 0.0004 < 0.0196 < got.high
    assert "fewer than 10 patients of a class: conservative" in got.method


@pytest.mark.parametrize(("n", "prevalence", "n_of_patient"), [(50, 0.02, 1), (200, 0.02, 5), (500, 0.02, 10)])
def test_the_rare_loss_is_covered(n: int, prevalence: float, n_of_patient: int) -> None:
    rng, held, truth = np.random.default_rng(1), [], prevalence * (1 - prevalence)
    for _ in range(400):
        unit = np.arange(n) // n_of_patient
        ill = (rng.random(unit[-1] + 1) < prevalence)[unit]
        got = brier_estimate(ill, np.full(n, prevalence), unit)
        held.append(got.low <= truth <= got.high)
    assert np.mean(held) > 0.92, "from the spread alone: 0.27 to 0.7"


def test_copies_of_an_image_add_nothing() -> None:
    losses = np.random.default_rng(2).random(80)
    once, copied = mean_loss_estimate(losses), mean_loss_estimate(np.repeat(losses, 6), np.repeat(np.arange(80), 6))
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.15)
    assert copied.n_patients == 80


def test_a_loss_up_to_two_is_one_up_to_one_twice() -> None:
    losses = np.random.default_rng(3).random(100)
    one, two = mean_loss_estimate(losses), mean_loss_estimate(2 * losses, worst=2.0)
    assert (two.value, two.low, two.high) == pytest.approx((2 * one.value, 2 * one.low, 2 * one.high))


@pytest.mark.parametrize("loss", [0.0, 1.0])
def test_a_loss_that_never_varies_still_has_an_interval(loss: float) -> None:
    got = mean_loss_estimate(np.full(30, loss))
    assert got.value == loss
    assert 0 <= got.low < got.high <= 1
