"""Elastic networks of every block and gate: shapes, gradients, exits, and branches that fold without a trace."""

from itertools import product

import pytest

torch = pytest.importorskip("torch", reason="networks need the workshop extra")

from bedside.base.task import TensorSpec
from bedside.train.architecture import Architecture, build
from bedside.train.attention import EfficientGate
from bedside.train.elastic import truncated
from bedside.train.exits import EXIT_WEIGHT, answers_of, joint_loss
from bedside.train.genome import ATTENTIONS, KINDS
from bedside.train.reparam import is_wide, thinned

pytestmark = pytest.mark.workshop
SPEC = TensorSpec(n_channels=1, height_px=16, width_px=16)


def network(genome: str, seed: int = 0) -> "torch.nn.Module":
    """A network with norms that have seen something."""
    model = build(Architecture(family=f"elastic:{genome}", width=1.0, spec=SPEC, n_classes=3), seed=seed)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.uniform_(layer.bias, -0.5, 0.5)
            layer.running_mean.uniform_(-0.5, 0.5)
            layer.running_var.uniform_(0.5, 1.5)
    return model


@pytest.mark.parametrize(("kind", "gate"), product(KINDS, ATTENTIONS))
def test_every_block_with_every_gate_answers_and_learns(kind: str, gate: str) -> None:
    model = network(f"{kind}-d2-w8.16-{gate}").train()
    logits = model(torch.rand(4, 1, 16, 16))
    assert logits.shape == (4, 3)
    logits.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    assert sum(float(p.grad.abs().sum()) > 0 for p in model.parameters()) > 0.9 * len(list(model.parameters()))


@pytest.mark.parametrize("gate", ATTENTIONS)
def test_branches_fold_into_one_convolution_that_says_the_same(gate: str) -> None:
    wide, images = network(f"rep-e3-d2-w8.16-{gate}").eval(), torch.rand(3, 1, 16, 16)
    thin = thinned(wide)
    assert is_wide(wide)
    with torch.no_grad():
        torch.testing.assert_close(thin(images), wide(images), atol=1e-5, rtol=1e-5)
    assert sum(p.numel() for p in thin.parameters()) < 0.7 * sum(p.numel() for p in wide.parameters())


def test_a_network_without_branches_is_returned_as_it_is() -> None:
    plain = network("w8.16")
    assert thinned(plain) is plain


def test_an_exit_is_shipped_as_the_network_up_to_there() -> None:
    model, images = network("d1-w8.16.24-exit2").eval(), torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        last, early = answers_of(model, images)
        torch.testing.assert_close(truncated(model, 2)(images), early)
        torch.testing.assert_close(model(images), last)


def test_exits_weigh_their_share_of_the_loss() -> None:
    answers = tuple(torch.full((1,), value) for value in (1.0, 2.0, 4.0))
    assert float(joint_loss(answers, torch.sum)) == pytest.approx(1 + EXIT_WEIGHT * 3)


def test_efficient_gates_look_at_neighbouring_channels() -> None:
    gate = EfficientGate(8)
    torch.nn.init.constant_(gate.mix.weight, 1.0)
    features = torch.zeros(1, 8, 2, 2)
    features[0, 2] = 3.0
    means = features.mean((2, 3))[0]
    padded = torch.nn.functional.pad(means, (1, 1))
    expected = torch.nn.functional.hardsigmoid(padded[:-2] + padded[1:-1] + padded[2:])
    torch.testing.assert_close(gate(features), features * expected[None, :, None, None])
