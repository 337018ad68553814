"""The attack stays in its ball, tells the truth about what it fooled, and never beats the exact worst case."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear_victim import POINT, PREPROCESS, cases

from bedside.base.errors import InputError
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.square import margins, square_attack


@pytest.mark.parametrize("eps", [1, 8, 40])
def test_it_stays_in_the_ball_and_never_beats_the_worst_case(eps: int) -> None:
    model, images, labels = cases()
    before = images.copy()
    found = square_attack(model, images, labels, PREPROCESS, POINT, eps_levels=eps, n_queries=80)
    assert (images == before).all()
    assert np.abs(found.images.astype(int) - images).max() <= eps
    outputs = model.run({"image": PREPROCESS.normalize(found.images)})["logits"]
    right = POINT.calls(POINT.probabilities(outputs)) == labels
    assert (right == (found.fooled_at < 0)).all()
    assert (model.worst_margin(images, labels, eps)[~right] <= 1e-5).all()


def test_wrong_calls_cost_no_query() -> None:
    model, images, labels = cases()
    found = square_attack(model, images, labels, PREPROCESS, POINT, eps_levels=1, n_queries=1)
    assert (found.fooled_at[:3] == 0).all()
    assert (found.images[:3] == images[:3]).all()


def test_it_finds_most_of_what_can_be_found() -> None:
    model, images, labels = cases(80, seed=1)
    found = square_attack(model, images, labels, PREPROCESS, POINT, eps_levels=16, n_queries=400)
    possible = model.worst_margin(images, labels, 16) < -0.3
    assert possible.sum() > 20
    assert (found.fooled_at[possible] >= 0).mean() > 0.9


def test_more_queries_are_not_weaker_and_the_seed_decides() -> None:
    model, images, labels = cases(60, seed=2)
    runs = [square_attack(model, images, labels, PREPROCESS, POINT, eps_levels=10, n_queries=n) for n in (5, 200, 200)]
    fooled = [(run.fooled_at >= 0).sum() for run in runs]
    assert fooled[1] >= fooled[0]
    assert (runs[1].images == runs[2].images).all()


@given(st.floats(0.01, 0.99), st.floats(0.1, 5), st.integers(0, 1), st.integers(0, 10_000))
def test_a_margin_is_positive_just_where_the_call_is_right(
    threshold: float, temperature: float, positive: int, seed: int
) -> None:
    point = OperatingPoint(temperature=temperature, threshold_prob=threshold, positive=positive, rule="")
    rng = np.random.default_rng(seed)
    outputs, labels = rng.normal(0, 3, (20, 2)), rng.integers(2, size=20)
    right = point.calls(point.probabilities(outputs)) == labels
    found = margins(point, labels, outputs)
    assert (right[np.abs(found) > 1e-9] == (found > 0)[np.abs(found) > 1e-9]).all()


def test_with_more_classes_the_margin_is_to_the_next_best() -> None:
    point = OperatingPoint(temperature=1.0, threshold_prob=None, positive=1, rule="")
    found = margins(point, np.array([0, 2]), np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0]]))
    assert found.tolist() == [1.0, -4.0]


@pytest.mark.parametrize(("eps", "queries"), [(0, 10), (4, 0)])
def test_nonsense_is_refused(refuses, eps: int, queries: int) -> None:
    model, images, labels = cases(4)
    with refuses(InputError):
        square_attack(model, images, labels, PREPROCESS, POINT, eps_levels=eps, n_queries=queries)
