"""A network that cannot answer its task is refused before the first step, and the error names some that can."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fitting needs the workshop extra")

from bedside.base.errors import ShapeError
from bedside.base.task import TensorSpec
from bedside.data.preprocess import Preprocess
from bedside.train.architecture import Architecture, build
from bedside.train.fitting import TrainingData, fit
from bedside.train.plan import TrainPlan
from bedside.train.suiting import check_suits

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=32, width_px=32)


def data_of(kind: str, targets: np.ndarray, spec: TensorSpec = SPEC) -> TrainingData:
    blank = np.zeros((2, *spec.shape), np.uint8)
    preprocess = Preprocess(n_channels=1, height_px=32, width_px=32, depth_px=spec.depth_px)
    return TrainingData(
        development=blank, development_targets=targets, tuning=blank, tuning_targets=targets, preprocess=preprocess,
        kind=kind,  # type: ignore[arg-type]
    )  # fmt: skip


def network(family: str, spec: TensorSpec = SPEC):
    return build(Architecture(family=family, width=0.5, spec=spec, n_classes=2), seed=0)


LABELS, MASKS = np.array([0, 1]), np.zeros((2, 32, 32), np.uint8)


@pytest.mark.parametrize(("family", "kind", "targets", "other"), [
    ("residual", "segmentation", MASKS, "unet_mobile"),
    ("unet_mobile", "classification", LABELS, "residual"),
    ("residual", "detection", np.full((2, 1, 5), -1, np.float32), "centre_lite0"),
])  # fmt: skip
def test_a_network_of_another_task_is_refused(family: str, kind: str, targets: np.ndarray, other: str) -> None:
    with pytest.raises(ShapeError, match=f"no answer to a task of {kind}") as refused:
        fit(network(family), TrainPlan(n_epochs=1), data_of(kind, targets), monitor=lambda labels, outputs: 0.0)
    assert other in refused.value.hint


def test_a_network_of_other_inputs_is_refused() -> None:
    volumes = TensorSpec(n_channels=1, height_px=32, width_px=32, depth_px=8)
    with pytest.raises(ShapeError, match="cannot take an input of"):
        check_suits(network("residual"), data_of("classification", LABELS, volumes))


@pytest.mark.parametrize(("family", "kind", "targets"), [
    ("residual", "classification", LABELS), ("residual", "ordinal", LABELS), ("unet_mobile", "segmentation", MASKS),
    ("centre_depthwise", "detection", np.full((2, 1, 5), -1, np.float32)),
])  # fmt: skip
def test_one_that_can_answer_passes(family: str, kind: str, targets: np.ndarray) -> None:
    check_suits(network(family), data_of(kind, targets))
