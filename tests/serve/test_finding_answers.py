"""Several findings become predictions: each with its probability, called at its own threshold."""

import numpy as np

from bedside.base.task import Task
from bedside.data.preprocess import Preprocess
from bedside.serve.answers import ANSWERS, Block, Waiting
from bedside.serve.prediction import REFER
from bedside.verify.operating_point import OperatingPoint

TASK = Task(classes=("effusion", "mass"), positive=0, kind="multilabel")
POINT = OperatingPoint(
    temperature=1.0, threshold_prob=None, positive=0, rule="made", link="sigmoid", thresholds_prob=(0.5, 0.2),
    slopes=(2.0, 1.0), offsets=(1.0, 0.0),
)  # fmt: skip


PREPROCESS = Preprocess(n_channels=1, height_px=4, width_px=4)


def answered(logits: list[list[float]], refers: tuple[str, ...]) -> list:
    pixels = np.zeros((1, 4, 4), np.uint8)
    items = tuple(Waiting(f"{i}.png", pixels[0], pixels, np.array([row], np.float32)) for i, row in enumerate(logits))
    return ANSWERS.get("multilabel")(Block(task=TASK, point=POINT, items=items, refers=refers, preprocess=PREPROCESS))


def test_each_finding_is_called_at_its_own_threshold() -> None:
    both, second, none = answered([[1, 0], [-1, -1], [-1, -3]], ("", "", ""))
    assert (both.called, both.marks, both.is_positive) == ("effusion, mass", ("effusion", "mass"), True)
    assert (second.called, second.marks) == ("mass", ("mass",))
    assert (none.called, none.marks, none.is_positive) == ("none", (), False)
    np.testing.assert_allclose(both.probabilities, [1 / (1 + np.exp(-3)), 0.5])
    assert both.thresholds_prob == (0.5, 0.2)


def test_an_image_that_is_referred_is_neither_yes_nor_no() -> None:
    (found,) = answered([[5, 5]], ("unlike the others",))
    assert (found.called, found.marks, found.is_positive) == (REFER, (), None)
    assert found.refer == "unlike the others"
