"""Candidates are costed before anything is trained, and the hopeless ones go with the reason."""

import pytest

pytest.importorskip("torch", reason="candidates need the workshop extra")

from bedside.base.budget import Budget
from bedside.base.errors import BudgetError, InputError
from bedside.base.task import Task, TensorSpec
from bedside.compress.presets import PRESETS, preset_named
from bedside.compress.proposing import SIZE_SLACK, Proposal, propose
from bedside.runtime.devices import device_named
from bedside.train.plan import TrainPlan

pytestmark = pytest.mark.workshop

TASK = Task(classes=("well", "ill"))
SPEC = TensorSpec(n_channels=1, height_px=28, width_px=28)


def proposed(budget: Budget, preset: str = "standard") -> Proposal:
    return propose(SPEC, TASK, TrainPlan(n_epochs=1), PRESETS[preset], budget, device_named(budget.device))


def test_every_candidate_may_fit_and_every_other_has_a_reason() -> None:
    budget = Budget(size_kib=300)
    found = proposed(budget)
    assert len(found.candidates) == PRESETS["standard"].n_candidates
    assert all(candidate.cost.int8_kib <= 300 * SIZE_SLACK for candidate in found.candidates)
    assert all(found.dropped.values())
    assert "predicted int8 file" in found.dropped["tf_efficientnet_lite0-x1"]
    assert "mobilenetv2-x0.5" in found.dropped
    assert "mobilenetv4_conv_small-x0.5" in found.dropped


def test_without_ceilings_the_mobile_backbones_take_part() -> None:
    families = {c.recipe.architecture.family for c in proposed(Budget(), "thorough").candidates}
    assert {
        "mobilenetv2",
        "mobilenetv4_conv_small",
        "tf_efficientnet_lite0",
        "fire",
        "depthwise",
        "residual",
    } <= families


def test_large_inputs_start_from_imagenet() -> None:
    spec = TensorSpec(n_channels=3, height_px=96, width_px=96)
    found = propose(spec, TASK, TrainPlan(n_epochs=1), PRESETS["thorough"], Budget(), device_named("host"))
    lite0 = next(c for c in found.candidates if c.recipe.architecture.family == "tf_efficientnet_lite0")
    assert lite0.recipe.architecture.pretrained


@pytest.mark.parametrize("budget", [Budget(size_kib=1), Budget(latency_ms=1e-6)])
def test_hopeless_budgets_name_the_limit_and_the_way_out(budget: Budget) -> None:
    with pytest.raises(BudgetError) as caught:
        proposed(budget)
    limit = next(iter(budget.limits()))
    assert f"binding limit is {limit}" in caught.value.message
    flag, needed = caught.value.hint.split("--")[1].split()
    assert flag == limit.replace("_", "-")
    assert proposed(Budget(**{limit: float(needed)})).candidates


def test_a_lower_ceiling_drops_more() -> None:
    loose, tight = (proposed(Budget(latency_ms=ceiling), "thorough") for ceiling in (0.1, 0.02))
    hopeless = [{n for n, why in found.dropped.items() if "predicted latency" in why} for found in (loose, tight)]
    assert hopeless[0] < hopeless[1]


def test_presets_by_name() -> None:
    assert preset_named("quick").n_candidates < preset_named("thorough").n_candidates
    with pytest.raises(InputError, match="no preset called"):
        preset_named("fast")
