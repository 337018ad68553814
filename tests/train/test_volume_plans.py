"""Plans of volumes, and that a fit moves volumes and label maps together."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fitting needs the workshop extra")

from bedside.base.task import Task, TensorSpec
from bedside.compress.presets import preset_named
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


@pytest.mark.parametrize("name", ["quick", "standard", "thorough"])
@pytest.mark.parametrize("n_volumes", [8, 60, 182, 2000])
@pytest.mark.parametrize("spec", [SMALL, LARGE])
@pytest.mark.parametrize("task", [OUTLINE, Task(classes=("a", "b"))])
def test_a_preset_bounds_the_voxels_that_a_fit_sees(name: str, n_volumes: int, spec: TensorSpec, task: Task) -> None:
    preset = preset_named(name)
    unbound = TrainPlan(n_epochs=preset.student_epochs(n_volumes))
    plan = for_volumes(unbound, spec, task, may_flip=False, n_volumes=n_volumes, max_voxels=preset.volume_voxels)
    assert plan.augment_volumes is not None
    seen = plan.augment_volumes.crop or (spec.depth_px, spec.height_px, spec.width_px)
    per_epoch = n_volumes * int(np.prod(seen))  # type: ignore[arg-type]
    limit = preset.volume_voxels * (1 if task == OUTLINE else 2)
    assert plan.n_epochs == 2 or (plan.n_epochs - 1) * per_epoch < limit
    assert 2 <= plan.n_epochs <= max(2, unbound.n_epochs // 2)
    more_would_fit = (plan.n_epochs + 1) * per_epoch < limit and plan.n_epochs + 1 <= unbound.n_epochs // 2
    assert not more_would_fit


def test_182_volumes_are_seen_nine_times_by_the_quick_preset_and_eight_as_often_as_before() -> None:
    quick = preset_named("quick")
    for n_volumes, n_epochs in ((182, 9), (8, 30)):
        plan = for_volumes(TrainPlan(n_epochs=quick.student_epochs(n_volumes)), LARGE, OUTLINE, may_flip=False,
                           n_volumes=n_volumes, max_voxels=quick.volume_voxels)  # fmt: skip
        assert plan.n_epochs == n_epochs


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
