"""Depth: early layers learn slower, frozen layers not at all, and without either nothing changes."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fitting needs the workshop extra")

from bedside.base.errors import InputError
from bedside.base.jsonform import to_plain
from bedside.base.task import TensorSpec
from bedside.data.preprocess import Preprocess
from bedside.train.architecture import Architecture, build
from bedside.train.fitting import TrainingData, fit
from bedside.train.plan import TrainPlan
from bedside.train.unfreezing import depth_units, freeze, n_frozen, parameter_groups

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=16, width_px=16)
PLAN = TrainPlan(n_epochs=2, learning_rate=0.1, ema_decay=0.0, weight_decay=0.0)


def network(family: str = "residual", width: float = 0.25) -> torch.nn.Module:
    return build(Architecture(family=family, width=width, spec=SPEC, n_classes=2), seed=0)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 2
    images = (rng.integers(0, 120, (64, 1, 16, 16)) + labels[:, None, None, None] * 100).astype(np.uint8)
    return TrainingData(
        development=images, development_targets=labels, tuning=images[:16], tuning_targets=labels[:16],
        preprocess=Preprocess(n_channels=1, height_px=16, width_px=16),
    )  # fmt: skip


def monitor(labels: np.ndarray, logits: np.ndarray) -> float:
    return float(((logits[:, 1] > logits[:, 0]) == labels).mean())


@pytest.mark.parametrize(
    ("family", "width", "first", "last"),
    [
        ("residual", 0.25, "0", "3"),
        ("depthwise", 0.5, "0", "8"),
        ("resnet18", 1.0, "conv1", "fc"),
        ("mobilenetv2", 0.35, "conv_stem", "classifier"),
        ("lite0_cut5", 1.0, "conv_stem", "classifier"),
    ],
)
def test_every_parameter_has_one_depth(family: str, width: float, first: str, last: str) -> None:
    model = network(family, width)
    units = depth_units(model)
    counted = [id(p) for unit in units for p in unit.parameters()]
    assert sorted(counted) == sorted(id(p) for p in model.parameters())
    assert len(units) >= 4
    assert (units[0].name, units[-1].name) == (first, last)


def test_rates_fall_by_the_decay_from_the_head_to_the_stem() -> None:
    model = network()
    groups = parameter_groups(model, replace(PLAN, rate_decay=0.5))
    scale_of = {id(p): group["rate_scale"] for group in groups for p in group["params"]}
    scales = [scale_of[id(unit.parameters()[0])] for unit in depth_units(model)]
    assert scales == [0.5**3, 0.5**2, 0.5, 1.0]
    assert len(scale_of) == len(list(model.parameters()))


def test_one_step_moves_each_layer_by_its_own_rate(data: TrainingData) -> None:
    """Adam's first step is the learning rate itself in every number, whatever the gradient's size."""
    plan = replace(PLAN, n_epochs=1, rate_decay=0.1, batch_size=64, warmup_frac=0.5)
    model = network()
    before = [p.detach().clone() for p in model.parameters()]
    moved, _ = fit(model, plan, data, monitor=monitor)
    change = dict(zip(map(id, moved.parameters()), before, strict=True))
    largest = [max(float((p.detach() - change[id(p)]).abs().max()) for p in u.parameters()) for u in depth_units(moved)]
    np.testing.assert_allclose(largest, plan.learning_rate * 0.01 * 0.1 ** np.arange(3, -1, -1), rtol=0.05)


@pytest.mark.parametrize(
    ("settings", "frozen"),
    [
        ({"head_epochs": 2}, [5, 5, 0, 0, 0]),
        ({"head_epochs": 1, "stage_epochs": 1}, [5, 4, 3, 2, 1]),
        ({"head_epochs": 1, "stage_epochs": 1, "frozen_units": 3}, [5, 4, 3, 3, 3]),
        ({"frozen_units": 2}, [2, 2, 2, 2, 2]),
        ({"frozen_units": 99}, [5, 5, 5, 5, 5]),
        ({}, [0, 0, 0, 0, 0]),
    ],
)
def test_the_schedule(settings: dict[str, int], frozen: list[int]) -> None:
    plan = TrainPlan(n_epochs=5, **settings)
    assert [n_frozen(plan, 6, epoch) for epoch in range(5)] == frozen


def test_a_frozen_layer_keeps_weights_and_statistics(data: TrainingData) -> None:
    model = network()
    start = {key: value.clone() for key, value in model.state_dict().items()}
    model, _ = fit(model, replace(PLAN, frozen_units=2), data, monitor=monitor)
    now = model.state_dict()
    changed = {key.split(".")[0] for key, value in start.items() if not torch.equal(value, now[key])}
    assert changed == {"2", "3"}
    assert all(p.requires_grad for p in model.parameters())


def test_layers_thaw_from_the_head_down() -> None:
    model = network()
    learning = []
    for epoch in range(3):
        model.train()
        freeze(model, replace(PLAN, head_epochs=1, stage_epochs=1), epoch)
        learning.append([all(p.requires_grad for p in unit.parameters()) for unit in depth_units(model)])
    assert [sum(row) for row in learning] == [1, 2, 3]
    assert all(row == sorted(row) for row in learning)


def test_the_defaults_stay_out_of_the_json_form() -> None:
    assert not {"rate_decay", "head_epochs", "stage_epochs", "frozen_units"} & set(to_plain(PLAN))
    assert to_plain(replace(PLAN, rate_decay=0.8))["rate_decay"] == 0.8


@pytest.mark.parametrize("wrong", [{"rate_decay": 0.0}, {"rate_decay": 1.5}, {"head_epochs": -1}, {"frozen_units": -2}])
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="rate decay"):
        replace(PLAN, **wrong)
