"""Weighted AUROCs are those of the drawn rows."""

import numpy as np
import pytest

from bedside.base.task import Task
from bedside.verify.drawn_auroc import draw_weights, drawn_aurocs
from bedside.verify.intervals import resamples
from bedside.verify.noninferiority import auroc_of


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("decimals", [1, 6], ids=["with ties", "without"])
def test_each_draw_gives_the_auroc_of_its_rows(n_classes: int, decimals: int) -> None:
    rng = np.random.default_rng(n_classes)
    task = Task(classes=tuple("abcd"[:n_classes]), positive=1)
    labels = rng.integers(n_classes, size=60)
    probabilities = np.round(rng.dirichlet(np.ones(n_classes), 60), decimals)
    draws = resamples([f"{i // 3}" for i in range(60)], n_resamples=250, seed=0)
    found = drawn_aurocs(task, labels, probabilities, draw_weights(draws, 60))
    expected = [auroc_of(task, labels[rows], probabilities[rows]) for rows in draws]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_draw_with_one_class_is_not_a_number() -> None:
    task, labels = Task(classes=("a", "b")), np.array([0, 0, 1])
    found = drawn_aurocs(task, labels, np.eye(2)[labels], draw_weights([np.array([0, 1, 1]), np.array([0, 2, 2])], 3))
    assert np.isnan(found[0])
    assert found[1] == 1
