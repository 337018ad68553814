"""Start weights reach the reference and the candidates that they fit."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fitting needs the workshop extra")

from bedside.base.task import TensorSpec
from bedside.compress.compressing import compress, load_compressed
from bedside.compress.recipe import Recipe, Workbench
from bedside.data.preprocess import Preprocess
from bedside.train.architecture import Architecture, build
from bedside.train.baseline import fit_reference, load_reference
from bedside.train.checkpoint import save_weights
from bedside.train.fitting import TrainingData
from bedside.train.plan import TrainPlan
from bedside.train.start_weights import StartFile, start_file

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=16, width_px=16)
STILL = TrainPlan(n_epochs=1, learning_rate=0.0)
"""A fit that moves no weight, so that what comes out is what went in."""


def architecture(width: float) -> Architecture:
    return Architecture(family="residual", width=width, spec=SPEC, n_classes=2)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    labels = np.arange(16) % 2
    images = np.random.default_rng(0).integers(0, 256, (16, 1, 16, 16), dtype=np.uint8)
    return TrainingData(development=images, development_targets=labels, tuning=images, tuning_targets=labels,
                        preprocess=Preprocess(n_channels=1, height_px=16, width_px=16))  # fmt: skip


@pytest.fixture
def start(tmp_path: Path) -> StartFile:
    save_weights(build(architecture(0.5), seed=9), tmp_path / "start.safetensors")
    return start_file(tmp_path / "start.safetensors")


def first_weight(model: torch.nn.Module) -> torch.Tensor:
    return next(model.parameters()).detach()


@pytest.mark.parametrize(("width", "seed"), [(0.5, 9), (0.25, 0)])
def test_a_candidate_that_they_fit_takes_them(
    width: float, seed: int, data: TrainingData, start: StartFile, tmp_path: Path
) -> None:
    bench = Workbench(data=data, monitor=lambda labels, logits: 0.0, teacher_logits=None, start_file=start)
    made = compress(Recipe(architecture=architecture(width), plan=STILL), bench, tmp_path)
    found = first_weight(load_compressed(made, tmp_path))
    assert torch.equal(found, first_weight(build(architecture(width), seed=seed)))


def test_the_reference_takes_them(data: TrainingData, start: StartFile, tmp_path: Path) -> None:
    baseline = fit_reference(
        architecture(0.5), STILL, data, tmp_path, monitor=lambda labels, logits: 0.0, start=start
    )  # fmt: skip
    assert torch.equal(first_weight(load_reference(baseline, tmp_path)), first_weight(build(architecture(0.5), seed=9)))
