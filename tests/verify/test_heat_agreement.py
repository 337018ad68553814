"""Agreement of two maps, against SciPy and against what can be counted by hand."""

import math

import numpy as np
import pytest

from bedside.base.errors import ShapeError
from bedside.verify.heat_agreement import compare_maps, mean_over_cases, other_case, rank_correlation, top_iou

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("levels", [3, 10, 10_000])
def test_rank_correlation_is_scipys(levels: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    for _ in range(20):
        a = RNG.integers(levels, size=(12, 9)).astype(float)
        b = a + RNG.normal(scale=levels, size=a.shape).round()
        assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a.ravel(), b.ravel()).statistic, abs=1e-12)


def test_overlap_by_hand() -> None:
    a, b = np.zeros((10, 10)), np.zeros((10, 10))
    a[0] = np.arange(1, 11)
    b[0, :5] = 1
    b[5, :5] = 1
    assert top_iou(a, b) == pytest.approx(5 / 15)
    assert top_iou(a, a) == 1
    assert top_iou(a, a[::-1]) == 0
    c = np.zeros((10, 10))
    c[3, 3] = 1
    assert top_iou(c, c) == 1, "a map of one hot pixel has no tenth of hot places"


def test_blank_maps_are_defined_by_convention() -> None:
    blank, heat = np.zeros((4, 4)), np.eye(4)
    for measure in (rank_correlation, top_iou):
        assert measure(blank, heat) == measure(heat, blank) == 0
        assert math.isnan(measure(blank, blank))


def test_models_that_agree_and_models_that_do_not() -> None:
    first = RNG.random((40, 8, 8))
    units = [f"p{i // 2}" for i in range(40)]
    near = compare_maps(first, first + 0.05 * RNG.random(first.shape), units)
    far = compare_maps(first, RNG.random(first.shape), units)
    assert near.rank_correlation.low > 0.9
    assert near.top_iou.low > 0.6
    assert far.rank_correlation.low < 0 < far.rank_correlation.high
    assert near.unrelated.low < 0 < near.unrelated.high
    assert near.rank_correlation.n_patients == 20


def test_a_shared_liking_for_the_middle_shows_as_unrelated_agreement() -> None:
    y, x = np.mgrid[-4:4, -4:4]
    middle = np.exp(-(y**2 + x**2) / 8)
    first, second = (middle + 0.05 * RNG.random((30, 8, 8)) for _ in range(2))
    found = compare_maps(first, second, [str(i) for i in range(30)])
    assert found.unrelated.low > 0.8
    assert abs(found.unrelated.value - found.rank_correlation.value) < 0.05


def test_blank_cases_are_counted_and_left_out() -> None:
    first, second = RNG.random((6, 5, 5)), RNG.random((6, 5, 5))
    first[0] = second[0] = second[1] = 0
    found = compare_maps(first, second, list("abcdef"))
    assert found.n_blank == 1
    assert found.rank_correlation.n_patients == 5
    expected = [0.0, *(rank_correlation(first[i], second[i]) for i in range(2, 6))]
    assert found.rank_correlation.value == pytest.approx(np.mean(expected))


def test_the_other_case_is_another_patients() -> None:
    assert other_case(["a", "a", "b", "c", "c"]) == [2, 2, 3, 0, 0]
    assert other_case(["a", "a"]) == [None, None]
    one = RNG.random((2, 3, 3))
    assert math.isnan(compare_maps(one, one, ["a", "a"]).unrelated.value)


def test_the_interval_is_by_patient() -> None:
    """Ten copies of each patient's case tell nothing new."""
    values = RNG.random(30)
    plain = mean_over_cases(values.tolist(), [str(i) for i in range(30)])
    copied = mean_over_cases(np.repeat(values, 10).tolist(), [str(i) for i in range(30) for _ in range(10)])
    assert copied.value == pytest.approx(plain.value)
    assert copied.high - copied.low == pytest.approx(plain.high - plain.low, rel=0.15)


def test_maps_that_do_not_belong_together_are_refused(refuses) -> None:
    with refuses(ShapeError, "(2, 3, 3)"):
        compare_maps(np.zeros((2, 3, 3)), np.zeros((2, 4, 4)), ["a", "b"])
    with refuses(ShapeError, "1 units"):
        compare_maps(np.zeros((2, 3, 3)), np.zeros((2, 3, 3)), ["a"])
    with refuses(ShapeError):
        rank_correlation(np.zeros((0, 3)), np.zeros((0, 3)))
