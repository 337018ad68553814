"""A fit learns, is repeatable, goes on after an interruption, and listens to its teacher."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fitting needs the workshop extra")

from bedside.base.task import TensorSpec
from bedside.compress.distil import distil
from bedside.compress.recipe import Recipe, Workbench
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.targets import labels_of
from bedside.train.architecture import Architecture, build
from bedside.train.checkpoint import load_weights, save_weights, weights_digest
from bedside.train.fitting import TrainingData, fit, logits_of, teach
from bedside.train.plan import TrainPlan
from bedside.verify.metrics import auroc

pytestmark = pytest.mark.workshop

ARCHITECTURE = Architecture(
    family="residual", width=0.25, spec=TensorSpec(n_channels=1, height_px=16, width_px=16), n_classes=2
)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    split = split_by_patient(load_cohort("phantom:ultrasound", n="300", size_px="16"), seed=0)
    preprocess = Preprocess(n_channels=1, height_px=16, width_px=16)
    return TrainingData(
        development=stack_images(split.development, preprocess),
        development_targets=labels_of(split.development),
        tuning=stack_images(split.tuning, preprocess),
        tuning_targets=labels_of(split.tuning),
        preprocess=preprocess,
    )


def monitor(labels: np.ndarray, logits: np.ndarray) -> float:
    return auroc(labels == 1, logits[:, 1] - logits[:, 0])


def plan(n_epochs: int, **changes) -> TrainPlan:
    return TrainPlan(n_epochs=n_epochs, n_views=2, learning_rate=3e-3, **changes)


def test_it_learns(data: TrainingData) -> None:
    model, history = fit(build(ARCHITECTURE, seed=0), plan(20), data, monitor=monitor)
    assert monitor(data.tuning_targets, logits_of(model, data.tuning, data.preprocess)) > 0.8
    assert history[-1].loss < history[0].loss
    assert not model.training


def test_the_same_seed_gives_the_same_weights(data: TrainingData) -> None:
    models = [fit(build(ARCHITECTURE, seed=0), plan(2), data, monitor=monitor)[0] for _ in range(2)]
    assert weights_digest(models[0]) == weights_digest(models[1])


def test_a_fit_that_was_cut_off_ends_as_one_that_was_not(data: TrainingData, tmp_path: Path) -> None:
    whole, history = fit(build(ARCHITECTURE, seed=0), plan(4), data, monitor=monitor)

    class CutOffError(Exception):
        pass

    def cut(mark) -> None:
        if mark.epoch == 1:
            raise CutOffError

    checkpoint = tmp_path / "fit.ckpt"
    with pytest.raises(CutOffError):
        fit(build(ARCHITECTURE, seed=0), plan(4), data, monitor=monitor, checkpoint=checkpoint, on_epoch=cut)
    resumed, full = fit(build(ARCHITECTURE, seed=0), plan(4), data, monitor=monitor, checkpoint=checkpoint)
    assert weights_digest(resumed) == weights_digest(whole)
    assert full == history


def test_a_damaged_checkpoint_is_ignored(data: TrainingData, tmp_path: Path) -> None:
    (tmp_path / "fit.ckpt").write_bytes(b"half a checkpo")
    _, history = fit(build(ARCHITECTURE, seed=0), plan(1), data, monitor=monitor, checkpoint=tmp_path / "fit.ckpt")
    assert len(history) == 1


def test_patience_ends_a_fit_that_does_not_improve(data: TrainingData) -> None:
    _, history = fit(build(ARCHITECTURE, seed=0), plan(30, patience=2), data, monitor=lambda labels, logits: 0.5)
    assert len(history) == 3  # the best epoch and the two that did not better it


def test_a_student_follows_its_teacher_even_where_the_labels_lie(data: TrainingData) -> None:
    swapped = TrainingData(
        development=data.development,
        development_targets=1 - data.development_targets,
        tuning=data.tuning,
        tuning_targets=data.tuning_targets,
        preprocess=data.preprocess,
    )
    settings = plan(15, distil_weight=1.0)
    teacher, _ = fit(build(ARCHITECTURE, seed=1), plan(20), data, monitor=monitor)
    answers = teach(teacher, settings, swapped)
    assert answers.shape == (2, len(data.development), 2)
    untouched = build(ARCHITECTURE, seed=0)
    before = weights_digest(untouched)
    bench = Workbench(data=swapped, monitor=monitor, teacher_logits=answers)
    student = distil(untouched, Recipe(architecture=ARCHITECTURE, plan=settings), bench)
    assert weights_digest(untouched) == before
    agree = logits_of(student, data.tuning, data.preprocess).argmax(1) == logits_of(
        teacher, data.tuning, data.preprocess
    ).argmax(1)
    assert agree.mean() > 0.7


def test_weights_survive_the_disk(tmp_path: Path) -> None:
    model = build(ARCHITECTURE, seed=3)
    digest = save_weights(model, tmp_path / "w.safetensors")
    again = load_weights(build(ARCHITECTURE, seed=4), tmp_path / "w.safetensors")
    assert weights_digest(again) == digest
