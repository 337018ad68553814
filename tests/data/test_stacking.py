"""Cases become arrays of the right size."""

import numpy as np
import pytest

from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.data.stacking import stack_images, suit_preprocess


def cohort(*shapes: tuple[int, ...]) -> Cohort:
    rng = np.random.default_rng(0)
    cases = tuple(
        Case(case_id=str(i), label=i % 2, pixels=rng.integers(0, 256, shapes[i % len(shapes)], np.uint8))
        for i in range(8)
    )
    return Cohort(name="made", task=Task(classes=("a", "b")), cases=cases, source="test:made")


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([(28, 28)], (1, 28, 28)),
        ([(28, 20)], (1, 28, 20)),
        ([(28, 28, 3)], (3, 28, 28)),
        ([(28, 28), (28, 28, 3)], (3, 28, 28)),
        ([(300, 200)], (1, 96, 96)),
        ([(64, 65)], (1, 65, 65)),
        ([(28, 28), (30, 40)], (1, 40, 40)),
        ([(300, 200, 3), (50, 900)], (3, 96, 96)),
    ],
)
def test_the_input_suits_the_images(shapes: list[tuple[int, ...]], expected: tuple[int, int, int]) -> None:
    assert suit_preprocess(cohort(*shapes), image_px=96).spec.shape == expected


def test_images_are_stacked_in_order_through_the_one_preprocessing() -> None:
    made, preprocess, ticks = cohort((30, 20), (10, 12)), Preprocess(n_channels=1, height_px=16, width_px=16), []
    got = stack_images(made.cases, preprocess, lambda done, total: ticks.append((done, total)))
    assert got.shape == (8, 1, 16, 16)
    assert got.dtype == np.uint8
    for case, image in zip(made.cases, got, strict=True):
        np.testing.assert_array_equal(image, preprocess.geometry(case.image()))
    assert ticks[-1] == (8, 8)
