"""The interval of a paired difference covers what it should; the exact test is the binomial one."""

import numpy as np
import pytest

from bedside.base.errors import ShapeError
from bedside.verify.paired_shares import mcnemar_p, paired_difference

Z2 = 1.959963984540054**2


def pairs(n_both: int, n_candidate: int, n_reference: int, n_neither: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    candidate = np.repeat([True, True, False, False], [n_both, n_candidate, n_reference, n_neither])
    reference = np.repeat([True, False, True, False], [n_both, n_candidate, n_reference, n_neither])
    return candidate, reference, [str(i) for i in range(len(candidate))]


@pytest.mark.parametrize("n", [1, 10, 100])
def test_no_difference_seen_is_not_no_difference(n: int) -> None:
    """With no discordant pair Tango's limits are z2 / (n + z2) in closed form."""
    found = paired_difference(*pairs(n, 0, 0, 0))
    assert found.value == 0
    assert found.high == pytest.approx(Z2 / (n + Z2), abs=1e-9)
    assert found.low == pytest.approx(-found.high, abs=1e-9)


def test_large_samples_come_to_walds_interval() -> None:
    candidate, reference, units = pairs(5000, 700, 400, 3900)
    n, b, c = len(units), 700, 400
    half = Z2**0.5 * np.sqrt(b + c - (b - c) ** 2 / n) / n
    found = paired_difference(candidate, reference, units)
    assert found.value == pytest.approx((b - c) / n)
    assert found.low == pytest.approx((b - c) / n - half, abs=2e-4)
    assert found.high == pytest.approx((b - c) / n + half, abs=2e-4)


def test_the_sides_mirror() -> None:
    candidate, reference, units = pairs(10, 6, 2, 12)
    one, other = paired_difference(candidate, reference, units), paired_difference(reference, candidate, units)
    assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low))


def test_everything_lost_reaches_the_end_of_the_scale() -> None:
    found = paired_difference(*pairs(0, 0, 12, 0))
    assert found.value == found.low == -1
    assert -1 < found.high < -0.5


@pytest.mark.parametrize(("n", "b", "c"), [(20, 0.1, 0.1), (50, 0.05, 0.15), (120, 0.02, 0.02)])
def test_coverage(n: int, b: float, c: float) -> None:
    rng, covered, n_repeats = np.random.default_rng(7), 0, 800
    units = [str(i) for i in range(n)]
    for _ in range(n_repeats):
        draw = rng.random(n)
        found = paired_difference(draw < b, (draw >= b) & (draw < b + c), units)
        covered += found.low <= b - c <= found.high
    assert covered / n_repeats >= 0.935


def test_a_loss_at_the_margin_is_seldom_called_none() -> None:
    """Equivalence within 0.1 where the truth is a loss of 0.1: the error that a verdict "kept" may make."""
    rng, n, n_repeats = np.random.default_rng(3), 125, 800
    units = [str(i) for i in range(n)]
    kept = 0
    for _ in range(n_repeats):
        draw = rng.random(n)
        found = paired_difference(draw < 0.05, (draw >= 0.05) & (draw < 0.2), units)
        kept += found.low > -0.1 and found.high < 0.1
    assert kept / n_repeats <= 0.05


def test_copies_of_a_patients_images_do_not_narrow_it() -> None:
    candidate, reference, units = pairs(10, 6, 2, 12)
    copied = paired_difference(np.repeat(candidate, 4), np.repeat(reference, 4), np.repeat(units, 4).tolist())
    plain = paired_difference(candidate, reference, units)
    assert (copied.low, copied.high) == pytest.approx((plain.low, plain.high))


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (5, 1), (8, 8), (30, 12)])
def test_the_test_is_the_binomial_test_of_the_discordant(b: int, c: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar_p(*pairs(20, b, c, 20)) == pytest.approx(expected, abs=1e-12)


def test_a_patient_has_one_vote() -> None:
    candidate = np.array([True, True, True, False, True])
    reference = np.array([False, False, False, True, True])
    assert mcnemar_p(candidate, reference, ["a", "a", "a", "b", "c"]) == 1.0


def test_lists_that_do_not_belong_together_are_refused(refuses) -> None:
    with refuses(ShapeError, "(2,)"):
        paired_difference(np.array([True, False]), np.array([True]), ["a", "b"])
    with refuses(ShapeError):
        mcnemar_p(np.zeros(0, bool), np.zeros(0, bool), [])
