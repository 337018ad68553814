"""Factors err by the tail of the singular values, compute the same at full rank, and come back from the disk."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="factors need the workshop extra")

from fitted_network import SPEC, Fitted, monitor

from bedside.base.errors import RecipeError
from bedside.compress.compressing import compress, load_compressed
from bedside.compress.factors import as_matrix, chosen_rank, factor
from bedside.compress.low_rank import LowRank
from bedside.compress.recipe import StepCall
from bedside.runtime.devices import device_named
from bedside.train.checkpoint import weights_digest
from bedside.train.factored import factorable
from bedside.train.fitting import logits_of

pytestmark = pytest.mark.workshop


def product(pair: "torch.nn.Module") -> "torch.Tensor":
    """What two factors compute together, as the matrix that was taken apart."""
    first, second = pair[0].weight, pair[1].weight  # type: ignore[index]
    if first.ndim == 2:
        return second @ first
    left = second[:, :, 0].permute(0, 2, 1).reshape(-1, first.shape[0])
    return left @ first.reshape(first.shape[0], -1)


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.Linear(40, 30),
        torch.nn.Conv2d(32, 24, 1, bias=False),
        torch.nn.Conv2d(12, 16, 3, stride=2, padding=1),
        torch.nn.Conv2d(6, 10, (5, 3), padding=(2, 1)),
    ],
)
def test_the_error_is_the_tail_of_the_singular_values(layer: "torch.nn.Module") -> None:
    model = torch.nn.Sequential(layer)
    matrix = as_matrix(layer)
    (rank,) = factor(model, rank_frac=0.3).values()
    tail = torch.linalg.svdvals(matrix)[rank:].square().sum().sqrt()
    torch.testing.assert_close(torch.linalg.norm(matrix - product(model[0])), tail, rtol=1e-4, atol=1e-5)
    assert sum(p.numel() for p in model.parameters()) < sum(p.numel() for p in layer.parameters())


def test_a_layer_of_low_rank_loses_nothing() -> None:
    conv = torch.nn.Conv2d(16, 20, 3, stride=2, padding=1)
    with torch.no_grad():
        up, down = torch.randn(20, 3, 3), torch.randn(3, 16, 3)  # (out, rank, kw), (rank, in, kh)
        conv.weight.copy_(torch.einsum("orw,rih->oihw", up, down))
    model = torch.nn.Sequential(conv)
    images = torch.randn(2, 16, 9, 7)
    expected = conv(images)
    assert factor(model, energy_frac=0.999999) == {"0": 3}
    torch.testing.assert_close(model(images), expected, rtol=1e-3, atol=1e-4)


def test_energy_keeps_the_fewest_values_that_suffice() -> None:
    values = torch.tensor([3.0, 2.0, 1.0])  # squares 9, 4, 1
    assert chosen_rank(values, energy_frac=9 / 14 - 0.01, rank_frac=None) == 1
    assert chosen_rank(values, energy_frac=0.65, rank_frac=None) == 2
    assert chosen_rank(values, energy_frac=0.95, rank_frac=None) == 3
    assert chosen_rank(values, energy_frac=None, rank_frac=0.1) == 1


def test_what_cannot_be_factored_stays() -> None:
    attention = torch.nn.MultiheadAttention(8, 2)
    assert not factorable(attention.out_proj, "out_proj", attention)
    for options in ({"groups": 8}, {"dilation": 2}, {"padding": "same"}, {"padding": 1, "padding_mode": "reflect"}):
        conv = torch.nn.Conv2d(8, 8, 3, **options)
        model = torch.nn.Sequential(conv)
        assert not factor(model, rank_frac=0.1)
        assert model[0] is conv


def test_a_factored_network_is_smaller_keeps_its_score_and_comes_back_from_the_disk(fitted: Fitted, tmp_path) -> None:
    call = StepCall(step="low_rank", options={"energy_frac": 0.8, "recovery_frac": 0.3})
    recipe = replace(
        fitted.recipe, steps=(call, StepCall(step="prune", options={"macs_frac": 0.6, "recovery_frac": 0}))
    )
    bench = replace(fitted.bench, start=fitted.model)
    before = weights_digest(fitted.model)
    only = LowRank(energy_frac=0.8, recovery_frac=0.3)(fitted.model, recipe, bench)
    assert weights_digest(fitted.model) == before
    assert sum(p.numel() for p in only.parameters()) < 0.9 * sum(p.numel() for p in fitted.model.parameters())
    data = fitted.data
    assert monitor(data.tuning_targets, logits_of(only, data.tuning, data.preprocess)) > 0.6
    made = compress(recipe, bench, tmp_path)
    again = load_compressed(made, tmp_path)
    assert weights_digest(again) == made.digest
    assert recipe.changes_widths
    from bedside.compress.cost import count_model

    cost, dense = (count_model(model, SPEC, device_named("host")) for model in (again, fitted.model))
    assert cost.mmacs < 0.7 * dense.mmacs


def test_nothing_to_save_is_refused(fitted: Fitted, refuses) -> None:
    thin = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 2))
    with refuses(RecipeError, "no layer would be smaller"):
        LowRank(energy_frac=0.999)(thin, fitted.recipe, fitted.bench)
