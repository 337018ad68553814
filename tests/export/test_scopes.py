"""Layers are told apart where their paths alone would not do, and rules of clip models speak of the network."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs the workshop extra")

from torch import nn

from bedside.base.digest import digest_array
from bedside.base.task import TensorSpec
from bedside.compress.quantization import FLOAT, LayerRule, QuantizationPlan
from bedside.export.converting import ExportJob, convert
from bedside.export.scopes import bits_by_layer, scoped

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

SPEC = TensorSpec(n_channels=1, height_px=8, width_px=8)
OBSERVED = np.random.default_rng(0).normal(size=(4, *SPEC.shape)).astype(np.float32)


class Lists(nn.Module):
    """Two lists of equal layers: the exporters' names leave the lists out."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ModuleList([nn.Conv2d(1, 4, 3), nn.Conv2d(4, 5, 1)])
        self.second = nn.ModuleList([nn.Conv2d(5, 6, 3), nn.Conv2d(6, 7, 1)])
        self.head = nn.Linear(7, 2)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        for layer in (*self.first, *self.second):
            x = layer(x).relu()
        return self.head(x.mean((2, 3)))


def plan(layer: str) -> QuantizationPlan:
    rules = (LayerRule(layer=layer, keeps="float"),)
    return QuantizationPlan(n_observed=4, observation=digest_array(OBSERVED), rules=rules)


def test_marks_are_of_a_copy_that_computes_the_same() -> None:
    model = Lists().eval()
    marked = scoped(model)
    assert type(model.head) is nn.Linear
    assert set(marked.mark_of) == {name for name, _ in model.named_modules()}
    assert len(set(marked.mark_of.values())) == len(marked.mark_of)
    images = torch.from_numpy(OBSERVED)
    with torch.no_grad():
        torch.testing.assert_close(marked.model(images), model(images))


def test_equal_layers_of_two_lists_are_told_apart(tmp_path: Path) -> None:
    pytest.importorskip("litert_torch")
    from ai_edge_litert.interpreter import Interpreter

    torch.manual_seed(0)
    job = ExportJob(model=Lists().eval(), spec=SPEC, n_classes=2, plan=plan("second.0"), observed=OBSERVED,
                    folder=tmp_path)  # fmt: skip
    (int8,) = convert(job, "litert", ("int8",))
    details = Interpreter(model_path=str(tmp_path / int8.file)).get_tensor_details()
    kinds = {tuple(int(n) for n in d["shape"]): d["dtype"] for d in details if len(d["shape"]) == 4}
    assert kinds[6, 3, 3, 5] is np.float32
    assert kinds[5, 1, 1, 4] is kinds[7, 1, 1, 6] is np.int8


def test_rules_of_a_clip_model_leave_its_step_out() -> None:
    class Step(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = Lists()

    bits = bits_by_layer(plan("second"), Step(), is_step=True)
    assert bits["network.second.1"] == FLOAT
    assert not bits["network.first.1"].is_float
    assert not bits[""].is_float
