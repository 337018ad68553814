"""A recursive stage applies one block several times, each time with a norm of its own."""

import pytest

torch = pytest.importorskip("torch", reason="networks need the workshop extra")

from bedside.base.errors import PluginError
from bedside.base.task import TensorSpec
from bedside.compress.cost import count_cost, layer_costs
from bedside.runtime.devices import device_named
from bedside.train.architecture import Architecture, build
from bedside.train.recursive import Mixer, RecursiveStage

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=28, width_px=28)


def architecture(family: str) -> Architecture:
    return Architecture(family=family, width=0.5, spec=SPEC, n_classes=2)


def test_a_stage_is_its_formula() -> None:
    torch.manual_seed(0)
    stage = RecursiveStage(8, 3, [Mixer(8)]).eval()
    images = torch.randn(2, 8, 5, 5)
    expected = images
    for space in stage.spaces:
        expected = expected + stage.mixers[0](space(expected))
    torch.testing.assert_close(stage(images), expected)
    assert len({id(space[1]) for space in stage.spaces}) == 3


def test_every_pass_pulls_at_the_shared_weights() -> None:
    torch.manual_seed(0)
    stage = RecursiveStage(8, 2, [Mixer(8)])
    images = torch.randn(4, 8, 5, 5)
    stage(images).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in stage.mixers[0].parameters())


def test_sharing_spares_weights_but_no_work() -> None:
    shared, apart = (count_cost(architecture(f), device_named("host")) for f in ("recursive:3", "recursive:3+unshared"))
    assert shared.mmacs == pytest.approx(apart.mmacs)
    assert shared.n_parameters < 0.7 * apart.n_parameters
    assert shared.int8_kib < apart.int8_kib
    costs = layer_costs(build(architecture("recursive:3"), seed=0), SPEC)
    assert {cost.n_uses for cost in costs if ".mixers." in cost.name} == {3}


@pytest.mark.parametrize("family", ["recursive:0", "recursive:many", "recursive:3+apart"])
def test_other_options_are_refused(family: str) -> None:
    with pytest.raises(PluginError, match="no network 'recursive"):
        build(architecture(family), seed=0)
