"""The hypervolume against known values, a count of random points, and Optuna's."""

import numpy as np
import pytest

from bedside.base.errors import ShapeError
from bedside.compress.search.hypervolume import front_of, hypervolume


def test_known_values() -> None:
    assert hypervolume(np.array([[2.0, 3.0]]), np.zeros(2)) == 6
    assert hypervolume(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [1.0, 1.0]]), np.zeros(2)) == 6
    assert hypervolume(np.array([[1.0, 1.0, 1.0]]), np.full(3, -1.0)) == 8
    # Two boxes 2x1x1 and 1x2x1 share 1x1x1.
    assert hypervolume(np.array([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0]]), np.zeros(3)) == 3


def test_what_is_not_above_the_reference_counts_nothing() -> None:
    assert hypervolume(np.array([[1.0, -0.1], [0.0, 5.0]]), np.zeros(2)) == 0
    assert hypervolume(np.zeros((0, 3)), np.zeros(3)) == 0


@pytest.mark.parametrize("n_goals", [2, 3, 4, 5])
def test_it_is_optunas(n_goals: int) -> None:
    library = pytest.importorskip("optuna._hypervolume.wfg", reason="an independent implementation")
    goods = np.random.default_rng(n_goals).uniform(-0.1, 1, (40, n_goals))
    inside = goods[(goods > 0).all(axis=1)]
    want = library.compute_hypervolume(-inside, np.zeros(n_goals))
    assert hypervolume(goods, np.zeros(n_goals)) == pytest.approx(want)


def test_it_is_the_share_of_random_points_below_the_front() -> None:
    rng = np.random.default_rng(0)
    goods = rng.uniform(0, 1, (15, 3))
    points = rng.uniform(0, 1, (40_000, 3))
    below = (points[:, None, :] <= goods[None, :, :]).all(axis=2).any(axis=1).mean()
    assert hypervolume(goods, np.zeros(3)) == pytest.approx(below, abs=0.01)


def test_a_better_trial_never_lowers_it_and_a_beaten_one_changes_nothing() -> None:
    goods = np.random.default_rng(1).uniform(0, 1, (12, 3))
    whole = hypervolume(goods, np.zeros(3))
    assert hypervolume(np.vstack([goods, goods[0] * 0.9]), np.zeros(3)) == pytest.approx(whole)
    assert hypervolume(np.vstack([goods, np.ones(3)]), np.zeros(3)) == pytest.approx(1.0)
    assert hypervolume(goods[front_of(goods)], np.zeros(3)) == pytest.approx(whole)


def test_the_front() -> None:
    goods = np.array([[1.0, 1.0], [2.0, 0.5], [1.0, 0.9], [2.0, 0.5]])
    assert front_of(goods).tolist() == [True, True, False, True]


def test_numbers_that_are_missing_are_refused(refuses) -> None:
    with refuses(ShapeError, "finite"):
        hypervolume(np.array([[np.nan, 1.0]]), np.zeros(2))
