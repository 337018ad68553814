"""Pruning of every kind of task: what a channel is worth is asked with the task's own loss and margin."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pruning needs the workshop extra")

from torch.utils.flop_counter import FlopCounterMode

from bedside.base.task import TensorSpec
from bedside.compress.channels import trace_channels
from bedside.compress.cost import layer_costs
from bedside.compress.criteria import CRITERIA, Sample, draw_rows
from bedside.compress.margins import margins
from bedside.compress.paper_widths import PaperWidths
from bedside.compress.prune import Prune
from bedside.compress.recipe import Recipe, Workbench
from bedside.compress.strata import strata_of
from bedside.data.boxes import NO_BOX
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.targets import targets_of
from bedside.runtime.devices import device_named
from bedside.train.architecture import Architecture, build
from bedside.train.fitting import TrainingData
from bedside.train.plan import TrainPlan

pytestmark = pytest.mark.workshop

PHANTOMS = {
    "ordinal": ("residual", 32, 24),
    "multilabel": ("residual", 32, 24),
    "ultrasound-lesion": ("unet_mobile", 32, 16),
    "detection": ("centre_depthwise", 64, 12),
}


def bench_of(phantom: str) -> tuple[Recipe, Workbench]:
    """An unfitted small network of a kind, and a few phantoms."""
    family, size_px, n = PHANTOMS[phantom]
    cohort = load_cohort(f"phantom:{phantom}", n=str(n), size_px=str(size_px))
    split = split_by_patient(cohort, seed=0)
    preprocess = Preprocess(n_channels=1, height_px=size_px, width_px=size_px)
    images, targets = (
        [made(part) for part in (split.development, split.tuning)]
        for made in (
            lambda part: stack_images(part, preprocess),
            lambda part: targets_of(part, cohort.task, preprocess),
        )
    )
    data = TrainingData(
        development=images[0], development_targets=targets[0], tuning=images[1], tuning_targets=targets[1],
        preprocess=preprocess, kind=cohort.task.kind,
    )  # fmt: skip
    spec = TensorSpec(n_channels=1, height_px=size_px, width_px=size_px)
    architecture = Architecture(family=family, width=0.5, spec=spec, n_classes=cohort.task.n_classes)
    recipe = Recipe(architecture=architecture, plan=TrainPlan(n_epochs=1), steps=("prune",))
    return recipe, Workbench(data=data, monitor=lambda targets, outputs: 0.0, teacher_logits=None)


def macs_of(model: "torch.nn.Module", spec: TensorSpec) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, *spec.shape))
    return counter.get_total_flops() / 2


@pytest.mark.parametrize("phantom", PHANTOMS)
@pytest.mark.parametrize("criterion", ["taylor", "diagnostic"])
def test_every_kind_of_task_is_pruned_by_its_own_loss(phantom: str, criterion: str) -> None:
    recipe, bench = bench_of(phantom)
    dense, spec = build(recipe.architecture, seed=0).eval(), recipe.architecture.spec
    pruned = Prune(criterion=criterion, macs_frac=0.6, recovery_frac=0, n_images=12)(dense, recipe, bench)
    assert macs_of(pruned, spec) <= 0.6 * macs_of(dense, spec)
    with torch.no_grad():
        outputs = pruned(torch.zeros(1, *spec.shape))
        assert outputs.shape == dense(torch.zeros(1, *spec.shape)).shape
    assert torch.isfinite(outputs).all()


def test_a_silent_channel_is_worth_nothing_to_an_outline() -> None:
    recipe, bench = bench_of("ultrasound-lesion")
    model, spec = build(recipe.architecture, seed=0).eval(), recipe.architecture.spec
    channels = trace_channels(model, spec)
    paper = PaperWidths(layer_costs(model, spec), channels.groups, device_named("host"))
    group = max(channels.groups.values(), key=lambda g: g.n_channels)
    layers = dict(model.named_modules())
    with torch.no_grad():
        for member in group.on("in"):
            layers[member.layer].weight[:, member.local[member.root == 1]] = 0  # type: ignore[union-attr, index]
    rows = np.arange(8)
    for criterion in ("taylor", "diagnostic"):
        scores = CRITERIA.get(criterion)(channels, paper, Sample(data=bench.data, rows=rows, seed=0))[group.name]
        assert scores[1] == scores.min() < np.median(scores), criterion


def test_margins_are_the_log_odds_of_softmax() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5, 3))
    labels = rng.integers(3, size=5)
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    own = probs[np.arange(5), labels]
    found = margins(torch.from_numpy(logits), torch.from_numpy(labels), "classification").numpy()
    np.testing.assert_allclose(found, np.log(own / (1 - own)))


def test_a_small_lesion_counts_as_much_as_the_background() -> None:
    outputs = torch.zeros(2, 2, 4, 4, dtype=torch.float64)
    outputs[0, 1, 0, 0] = 6.0
    masks = torch.zeros(2, 4, 4, dtype=torch.uint8)
    masks[0, 0, 0] = 1
    assert margins(outputs, masks, "segmentation").tolist() == pytest.approx([3.0, 0.0])


def test_unknown_marks_and_finite_boxes() -> None:
    outputs = torch.tensor([[2.0, 3.0, 5.0]])
    assert margins(outputs, torch.tensor([[1, 0, -1]]), "multilabel").tolist() == [-1.0]
    boxes = torch.full((2, 1, 5), float(NO_BOX))
    boxes[0, 0] = torch.tensor([0.0, 8, 8, 24, 24])
    found = margins(torch.zeros(2, 6, 8, 8), boxes, "detection")
    assert found.shape == (2,)
    assert torch.isfinite(found).all()
    assert (found <= 0).all()


def test_strata_are_classes_or_the_rarest_thing_shown() -> None:
    assert strata_of(np.array([2, 0, 1]), "classification").tolist() == [2, 0, 1]
    marks = np.array([[1, 1], [1, 0], [0, -1], [1, 0]])
    assert strata_of(marks, "multilabel").tolist() == [2, 1, 0, 1]
    masks = np.zeros((3, 4, 4), np.uint8)
    masks[0, 0, :2] = (1, 2)
    masks[1, 0, 0] = 1
    assert strata_of(masks, "segmentation").tolist() == [2, 1, 0]
    boxes = np.full((2, 2, 5), NO_BOX, np.float32)
    boxes[1, 0] = (1, 0, 0, 4, 4)
    assert strata_of(boxes, "detection").tolist() == [0, 1]
    assert strata_of(boxes[:1], "detection").tolist() == [0]


def test_rare_lesions_are_drawn_whole() -> None:
    masks = np.zeros((40, 4, 4), np.uint8)
    masks[::10, 1, 1] = 1
    rows = draw_rows(strata_of(masks, "segmentation"), 8, seed=0, balanced=True)
    assert set(range(0, 40, 10)) <= set(rows.tolist())
    assert len(set(rows.tolist())) == 8
