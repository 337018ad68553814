"""Costs on paper against independent counts and against real files."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="costs need the workshop extra")

from torch.utils.flop_counter import FlopCounterMode

from bedside.base.digest import digest_array
from bedside.base.task import TensorSpec
from bedside.compress.cost import count_cost
from bedside.compress.quantization import QuantizationPlan
from bedside.export.converting import ExportJob, convert
from bedside.runtime.devices import device_named
from bedside.train.architecture import Architecture, build

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=28, width_px=28)
FAMILIES = [
    ("residual", 0.75),
    ("fire", 0.75),
    ("depthwise", 1.0),
    ("mobilenetv2", 0.35),
    ("mobilenetv4_conv_small", 0.35),
]


@pytest.mark.parametrize(("family", "width"), FAMILIES)
def test_multiply_accumulates_are_those_of_torchs_counter(family: str, width: float) -> None:
    architecture = Architecture(family=family, width=width, spec=SPEC, n_classes=2)
    model = build(architecture, seed=0).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, *SPEC.shape))
    cost = count_cost(architecture, device_named("host"))
    assert cost.mmacs == pytest.approx(counter.get_total_flops() / 2 / 1e6, rel=1e-3)
    assert cost.n_parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("family", "width"), FAMILIES[:3])
def test_the_predicted_file_is_the_real_one_within_a_tenth(family: str, width: float, tmp_path: Path) -> None:
    pytest.importorskip("litert_torch")
    architecture = Architecture(family=family, width=width, spec=SPEC, n_classes=2)
    observed = np.random.default_rng(0).normal(size=(4, *SPEC.shape)).astype(np.float32)
    job = ExportJob(
        model=build(architecture, seed=0).eval(), spec=SPEC, n_classes=2, observed=observed, folder=tmp_path,
        plan=QuantizationPlan(n_observed=4, observation=digest_array(observed)),
    )  # fmt: skip
    fp32, int8 = convert(job, "litert")
    cost = count_cost(architecture, device_named("host"))
    assert cost.int8_kib == pytest.approx(int8.size_kib, rel=0.1)
    assert cost.fp32_kib == pytest.approx(fp32.size_kib, rel=0.1)
