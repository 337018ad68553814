"""Pruning reaches its target, keeps what counts, and leaves the user's network alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pruning needs the workshop extra")

from fitted_network import SPEC, Fitted, monitor
from torch.utils.flop_counter import FlopCounterMode

from bedside.base.errors import PluginError, RecipeError, TraceError
from bedside.base.task import TensorSpec
from bedside.compress.channels import trace_channels
from bedside.compress.compressing import compress, load_compressed
from bedside.compress.cost import count_model
from bedside.compress.criteria import CRITERIA
from bedside.compress.prune import Prune
from bedside.compress.recipe import Recipe, StepCall
from bedside.runtime.devices import device_named
from bedside.train.architecture import Architecture, build
from bedside.train.checkpoint import weights_digest
from bedside.train.fitting import logits_of

pytestmark = pytest.mark.workshop
HOST = device_named("host")


def macs_of(model: "torch.nn.Module", spec: TensorSpec = SPEC) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, *spec.shape))
    return counter.get_total_flops() / 2


def widths_of(model: "torch.nn.Module") -> list[int]:
    return [layer.out_channels for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)]


@pytest.mark.parametrize("criterion", CRITERIA.names())
@pytest.mark.parametrize("allocation", ["global", "local"])
def test_every_criterion_reaches_the_target_in_widths_of_eight(fitted: Fitted, criterion: str, allocation: str) -> None:
    before = weights_digest(fitted.model)
    settings = Prune(criterion=criterion, allocation=allocation, macs_frac=0.5, recovery_frac=0)  # type: ignore[arg-type]
    pruned = settings(fitted.model, fitted.recipe, fitted.bench)
    share = macs_of(pruned) / macs_of(fitted.model)
    assert 0.4 <= share <= 0.5
    assert all(width % 8 == 0 for width in widths_of(pruned))
    assert weights_digest(fitted.model) == before


@pytest.mark.parametrize(
    "family", ["residual", "fire", "depthwise", "mobilenetv2", "mobilenetv4_conv_small", "resnet18"]
)
def test_every_family_can_be_pruned_and_is_counted_right(fitted: Fitted, family: str) -> None:
    architecture = Architecture(family=family, width=0.5 if "mobile" in family else 1.0, spec=SPEC, n_classes=2)
    dense = build(architecture, seed=0).eval()
    recipe = replace(fitted.recipe, architecture=architecture)
    pruned = Prune(macs_frac=0.25, recovery_frac=0, n_images=16)(dense, recipe, fitted.bench)
    assert macs_of(pruned) <= 0.25 * macs_of(dense)
    cost = count_model(pruned, SPEC, HOST)
    assert cost.mmacs == pytest.approx(macs_of(pruned) / 1e6, rel=1e-3)
    assert sum(p.numel() for p in pruned.parameters()) < sum(p.numel() for p in dense.parameters())


def test_targets_of_bytes_and_of_latency_are_kept(fitted: Fitted) -> None:
    dense = count_model(fitted.model, SPEC, HOST)
    for settings, value in (
        (Prune(size_kib=0.5 * dense.int8_kib, recovery_frac=0), lambda cost: cost.int8_kib / dense.int8_kib / 0.5),
        (
            Prune(latency_ms=0.9 * dense.latency_ms, recovery_frac=0),
            lambda cost: cost.latency_ms / dense.latency_ms / 0.9,
        ),
    ):
        pruned = settings(fitted.model, fitted.recipe, fitted.bench)
        assert 0.85 <= value(count_model(pruned, SPEC, HOST)) <= 1


def test_rounds_with_recovery_bring_the_score_back(fitted: Fitted) -> None:
    at_once = Prune(criterion="random", macs_frac=0.3, recovery_frac=0)
    patient = Prune(criterion="random", macs_frac=0.3, rounds=2, recovery_frac=1.0)
    scores = []
    for settings in (at_once, patient):
        pruned = settings(fitted.model, fitted.recipe, fitted.bench)
        scores.append(
            monitor(fitted.data.tuning_targets, logits_of(pruned, fitted.data.tuning, fitted.data.preprocess))
        )
    assert scores[1] > scores[0]
    assert scores[1] > 0.75


def test_dead_channels_go_first_and_change_nothing(fitted: Fitted) -> None:
    """Channels that always give zero must be what every informed criterion of ours removes."""
    from copy import deepcopy

    model = deepcopy(fitted.model)
    first = model[1].body[0]  # type: ignore[index]
    n = first[0].out_channels
    with torch.no_grad():
        first[1].weight[: n // 2] = 0
        first[1].bias[: n // 2] = 0
    images = torch.randn(4, *SPEC.shape)
    before = model(images)
    dense = macs_of(model)
    half = first[0]
    share = 1 - half.weight.numel() / 2 * 64 * 2 / dense  # its outputs, and the next layer's inputs
    pruned = Prune(macs_frac=share + 0.01, recovery_frac=0, channel_multiple=1)(model, fitted.recipe, fitted.bench)
    assert pruned[1].body[0][0].out_channels < n  # type: ignore[index]
    torch.testing.assert_close(pruned.eval()(images), before, rtol=1e-4, atol=1e-4)


def test_a_pruned_network_is_built_again_from_its_file(fitted: Fitted, tmp_path: Path) -> None:
    steps = (StepCall(step="prune", options={"macs_frac": 0.4, "recovery_frac": 0.1}),)
    recipe = replace(fitted.recipe, steps=steps)
    made = compress(recipe, replace(fitted.bench, folder=tmp_path, start=fitted.model), tmp_path)
    again = load_compressed(made, tmp_path)
    assert weights_digest(again) == made.digest
    assert macs_of(again) <= 0.4 * macs_of(fitted.model)
    assert not list(tmp_path.glob("*.ckpt"))


def test_the_same_seed_removes_the_same_channels(fitted: Fitted) -> None:
    for criterion in ("random", "diagnostic"):
        settings = Prune(criterion=criterion, macs_frac=0.5, recovery_frac=0)
        pruned = [settings(fitted.model, fitted.recipe, fitted.bench) for _ in range(2)]
        assert weights_digest(pruned[0]) == weights_digest(pruned[1])


def test_an_impossible_target_names_the_layer_that_would_run_empty(fitted: Fitted, refuses) -> None:
    with refuses(RecipeError, "cannot be reached", "would empty the layer"):
        Prune(macs_frac=0.0001, recovery_frac=0)(fitted.model, fitted.recipe, fitted.bench)


def test_nonsense_is_refused_before_any_work(refuses) -> None:
    with refuses(RecipeError, "0 targets"):
        Prune()
    with refuses(RecipeError, "2 targets"):
        Prune(macs_frac=0.5, size_kib=10)
    with refuses(RecipeError, "macs_frac 1.5"):
        Prune(macs_frac=1.5)
    with refuses(RecipeError, "rounds 0"):
        Prune(macs_frac=0.5, rounds=0)
    with refuses(PluginError, "'taylr'", "'taylor'"):
        Prune(criterion="taylr", macs_frac=0.5)


class Pooled(torch.nn.Module):
    """Global average: ``(N, C, H, W)`` to ``(N, C)``."""

    def forward(self, features: "torch.Tensor") -> "torch.Tensor":
        return features.mean((2, 3))


class Broken(torch.nn.Module):
    """Fails as it is run."""

    def forward(self, features: "torch.Tensor") -> "torch.Tensor":
        return features @ features.new_ones(3, 3)


def test_a_network_that_cannot_run_is_refused_with_its_layer(fitted: Fitted, refuses) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 16, 3), torch.nn.Sequential(torch.nn.ReLU(), Broken()))
    with refuses(TraceError, "'1.1'"):
        Prune(macs_frac=0.5)(model, fitted.recipe, fitted.bench)


def test_outputs_are_never_pruned(fitted: Fitted) -> None:
    classes = torch.nn.Sequential(torch.nn.Conv2d(1, 16, 3), torch.nn.ReLU(), torch.nn.Conv2d(16, 16, 1), Pooled())
    assert set(trace_channels(classes, SPEC).groups) == {"0"}
    assert "3.linear" not in trace_channels(fitted.model, SPEC).groups
    pruned = Prune(macs_frac=0.3, recovery_frac=0)(fitted.model, fitted.recipe, fitted.bench)
    assert logits_of(pruned, fitted.data.tuning, fitted.data.preprocess).shape == (len(fitted.data.tuning), 2)


def test_pruning_leaves_todays_recipes_their_digest() -> None:
    from bedside.base.digest import digest_value
    from bedside.base.jsonform import from_json, to_json, to_plain
    from bedside.train.plan import TrainPlan

    architecture = Architecture(family="residual", width=1.0, spec=SPEC, n_classes=2)
    plain = Recipe(architecture=architecture, plan=TrainPlan(n_epochs=3))
    fields = {"architecture": to_plain(architecture), "plan": to_plain(plain.plan), "steps": ["distil"]}
    assert digest_value(plain) == digest_value(fields)
    pruning = replace(plain, steps=("distil", StepCall(step="prune", options={"macs_frac": 0.5})))
    assert from_json(Recipe, to_json(pruning)) == pruning


def test_rows_are_drawn_by_class_where_that_is_asked() -> None:
    from bedside.compress.criteria import draw_rows

    labels = np.array([0] * 95 + [1] * 5)
    balanced = draw_rows(labels, 20, seed=0, balanced=True)
    assert (labels[balanced] == 1).sum() == 5
    assert len(balanced) == 20
    assert (labels[draw_rows(labels, 20, seed=0)] == 1).sum() < 5
