"""A network that cannot be exported is refused, and the layer is named."""

import pytest

torch = pytest.importorskip("torch", reason="tracing needs the workshop extra")

from bedside.base.errors import TraceError
from bedside.base.task import TensorSpec
from bedside.compress.tracing import check_exports, check_runs
from bedside.train.blocks import Head, conv_bn

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=8, width_px=8)


class Moody(torch.nn.Module):
    """What it does depends on what it sees."""

    def forward(self, features: "torch.Tensor") -> "torch.Tensor":
        return features + 1 if features.mean() > 0 else features * 2


def test_control_flow_that_depends_on_the_data_is_found_in_its_layer(refuses) -> None:
    model = torch.nn.Sequential(conv_bn(1, 8), torch.nn.Sequential(torch.nn.ReLU(), Moody()), Head(8, 2))
    with refuses(TraceError, "'1.1'", "Moody"):
        check_exports(model, SPEC)


def test_a_sound_network_passes() -> None:
    check_exports(torch.nn.Sequential(conv_bn(1, 8), Head(8, 2)), SPEC)


def test_a_network_for_other_inputs_is_refused(refuses) -> None:
    with refuses(TraceError, "'0.0'", "(1, 1, 8, 8)"):
        check_runs(torch.nn.Sequential(conv_bn(3, 8), Head(8, 2)), SPEC)


def test_a_network_that_returns_maps_is_refused(refuses) -> None:
    with refuses(TraceError, "(1, 8, 8, 8)"):
        check_runs(torch.nn.Sequential(conv_bn(1, 8)), SPEC)
