"""Plans of volumes, and that a fit moves volumes and label maps together."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fitting needs the workshop extra")

from bedside.base.task import Task, TensorSpec
from bedside.data.augment_volumes import VolumeDraw
from bedside.data.phantom_volume import CLASSES
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images, suit_preprocess
from bedside.data.targets import targets_of
from bedside.train.architecture import Architecture, build
from bedside.train.fitting import TrainingData, at_once, draw_of, fit, logits_of, view_of
from bedside.train.objective import objective_of
from bedside.train.plan import TrainPlan
from bedside.train.volume_plans import LEFT_RIGHT, for_volumes
from bedside.verify.judge import judge_of

pytestmark = pytest.mark.workshop

OUTLINE = Task(classes=CLASSES, kind="segmentation")
LARGE = TensorSpec(n_channels=1, depth_px=48, height_px=56, width_px=40)
SMALL = TensorSpec(n_channels=1, depth_px=16, height_px=24, width_px=16)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    cohort = load_cohort("phantom:volume", n="16")
    preprocess = suit_preprocess(cohort, image_px=96)
    voxels = stack_images(cohort.cases, preprocess)
    targets = targets_of(cohort.cases, cohort.task, preprocess)
    return TrainingData(
        development=voxels[:12], development_targets=targets[:12], tuning=voxels[12:], tuning_targets=targets[12:],
        preprocess=preprocess, kind="segmentation",
    )  # fmt: skip


def test_large_volumes_are_cut_while_outlines_are_learned() -> None:
    plan = TrainPlan(n_epochs=30)
    made = for_volumes(plan, LARGE, OUTLINE, may_flip=False)
    assert made.augment_volumes is not None
    assert made.augment_volumes.crop == (40, 40, 32)
    assert made.augment_volumes.flip_axes == ()
    assert made.distil_weight == 0
    assert for_volumes(plan, SMALL, OUTLINE, may_flip=True).augment_volumes.flip_axes == (LEFT_RIGHT,)
    whole = for_volumes(plan, LARGE, Task(classes=("a", "b")), may_flip=False)
    assert whole.augment_volumes.crop is None
    assert whole.distil_weight == plan.distil_weight


def test_networks_of_volumes_are_proposed_for_volumes_only() -> None:
    for task, family in ((OUTLINE, "unet3d"), (Task(classes=("a", "b")), "net3d")):
        objective = objective_of(task)
        assert list(objective.families(LARGE)) == [family]
        assert objective.reference(LARGE, task, None).family == family
        image = TensorSpec(n_channels=1, height_px=32, width_px=32)
        assert family not in objective.families(image)
        assert objective.reference(image, task, None).family != family


def test_voxels_and_labels_of_a_view_are_moved_alike(data: TrainingData) -> None:
    plan = for_volumes(TrainPlan(n_epochs=4, seed=3), SMALL, OUTLINE, may_flip=False)
    draw, rows = draw_of(data, plan, 1), np.arange(12)
    assert isinstance(draw, VolumeDraw)
    seen = view_of(data, plan, 1, rows).numpy()[:, 0]
    labels = data.objective.moved(data.development_targets, draw)
    assert seen.shape == labels.shape
    assert seen[labels > 0].mean() > seen[labels == 0].mean() + 0.3


def test_a_few_epochs_teach_an_outline(data: TrainingData) -> None:
    plan = for_volumes(TrainPlan(n_epochs=24, patience=24), SMALL, OUTLINE, may_flip=False)
    network = build(Architecture(family="unet3d", width=0.5, spec=SMALL, n_classes=3), seed=0)
    monitor = judge_of(OUTLINE).monitor(OUTLINE)
    before = monitor(data.tuning_targets, logits_of(network, data.tuning, data.preprocess))
    fitted, history = fit(network, plan, data, monitor=monitor)
    assert len(history) == 12
    assert monitor(data.tuning_targets, logits_of(fitted, data.tuning, data.preprocess)) > max(0.3, before + 0.2)


def test_fewer_large_cases_go_through_at_once() -> None:
    assert at_once((3, 224, 224), 256) == 256
    assert at_once((1, 48, 56, 40), 256) == 19
    assert at_once((1, 256, 256, 256), 256) == 1
