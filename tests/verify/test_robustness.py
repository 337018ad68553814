"""Losses are paired, relative to the reference, and never made up."""

import math

import numpy as np
import pytest
from linear_victim import POINT, PREPROCESS, Linear, cases

from bedside.base.errors import InputError
from bedside.base.jsonform import from_json, to_json
from bedside.base.task import Task
from bedside.data.corrupting import corrupt
from bedside.data.corruptions import Suite, suite_for
from bedside.verify.metrics import auroc
from bedside.verify.robustness import Robustness, corruption_robustness

TASK = Task(classes=("well", "ill"))


class Fragile:
    """As good as the linear model on clean images, and blind on noisy ones."""

    def __init__(self, inner: Linear, clean: np.ndarray) -> None:
        self.inner, self.clean = inner, PREPROCESS.normalize(clean)

    def run(self, inputs):
        found = self.inner.run(inputs)
        same = inputs["image"].shape == self.clean.shape and np.array_equal(inputs["image"], self.clean)
        return found if same else {"logits": np.zeros_like(found["logits"])}


def run(shipped, reference, images, labels, **options) -> Robustness:
    units = [f"patient:{i // 2}" for i in range(len(labels))]
    options = {"suite": suite_for("X-ray"), "severities": (1, 5), "n_draws": 100} | options
    suite = options.pop("suite")
    return corruption_robustness(
        TASK, images, labels, units, PREPROCESS, suite, shipped=(shipped, POINT), reference=(reference, POINT),
        **options,
    )  # fmt: skip


def test_a_model_loses_nothing_against_itself() -> None:
    model, images, labels = cases()
    found = run(model, model, images, labels)
    assert found.mean_excess_loss.value == found.mean_excess_loss.low == found.mean_excess_loss.high == 0
    assert found.mean_shipped_loss == found.mean_reference_loss
    assert len(found.results) == 10
    assert found.n_patients == 20


def test_what_only_the_small_model_loses_shows() -> None:
    model, images, labels = cases(120)
    found = run(Fragile(model, images), model, images, labels, suite=Suite(modality="X-ray", family="xray",
                names=("marker",)), severities=(1,))  # fmt: skip
    assert found.results[0].shipped.auroc.value == 0.5
    assert found.mean_excess_loss.low > 0.2
    assert found.worst.corruption == "marker"


def test_the_numbers_are_those_of_the_corrupted_images() -> None:
    model, images, labels = cases(80)
    found = run(model, model, images, labels, seed=4)
    result = next(r for r in found.results if (r.corruption, r.severity) == ("exposure", 5))
    outputs = model.run({"image": PREPROCESS.normalize(corrupt(images, "exposure", 5, seed=4))})["logits"]
    p = POINT.probabilities(outputs)
    called = POINT.calls(p)
    assert result.shipped.auroc.value == pytest.approx(auroc(labels == 1, p[:, 1]), abs=1e-12)
    assert result.shipped.accuracy.value == np.mean(called == labels)
    assert result.shipped.sensitivity.value == np.mean(called[labels == 1] == 1)
    assert result.shipped.specificity.value == np.mean(called[labels == 0] == 0)
    assert result.shipped_loss.value == pytest.approx(found.clean_shipped.auroc.value - result.shipped.auroc.value)


def test_one_class_only_is_not_estimable() -> None:
    model, images, _ = cases(20)
    found = run(model, model, images, np.zeros(20, np.int64), severities=(3,))
    assert math.isnan(found.results[0].shipped.auroc.value)
    assert math.isnan(found.mean_excess_loss.value)
    assert not math.isnan(found.results[0].shipped.specificity.value)


def test_it_comes_back_from_json() -> None:
    model, images, labels = cases()
    found = run(model, model, images, labels)
    assert from_json(Robustness, to_json(found)) == found


@pytest.mark.parametrize("severities", [(), (0,), (1, 6)])
def test_severities_are_checked(refuses, severities: tuple[int, ...]) -> None:
    model, images, labels = cases()
    with refuses(InputError, "severity"):
        run(model, model, images, labels, severities=severities)
