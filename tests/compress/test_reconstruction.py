"""What stays after a cut says what the whole network said, as far as it can."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pruning needs the workshop extra")

from fitted_network import SPEC, Fitted
from torch import nn

from bedside.compress.channels import trace_channels
from bedside.compress.prune import Prune
from bedside.compress.reconstruction import cut_of, reconstruct
from bedside.train.checkpoint import weights_digest
from bedside.train.fitting import logits_of

pytestmark = pytest.mark.workshop


class Twins(nn.Module):
    """Its first layer has every channel twice; `again` reads what `reads` reads, twice over."""

    def __init__(self, *, twice: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.reads = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 6, 3, stride=2, padding=1)
        self.head, self.twice = nn.Linear(6, 2), twice
        with torch.no_grad():
            for tensor in self.first.parameters():
                tensor[4:] = tensor[:4]

    def forward(self, image: "torch.Tensor") -> "torch.Tensor":
        hidden = torch.relu(self.first(image))
        seen = torch.relu(self.reads(hidden))
        if self.twice:
            seen = seen + self.reads(hidden.flip(3))
        return self.head(seen.mean((2, 3)))


def cut_twins(model: Twins, fitted: Fitted, gone: slice) -> tuple[Twins, np.ndarray]:
    """Cut channels of the first layer and refit; returns the network and the logits before."""
    images = fitted.data.development[:64]
    before = logits_of(model, images, fitted.data.preprocess)
    dense = Twins(twice=model.twice)
    dense.load_state_dict(model.state_dict())
    channels = trace_channels(model, SPEC)
    keep = {name: np.ones(group.n_channels, bool) for name, group in channels.groups.items()}
    keep["first"][gone] = False
    cut = cut_of(channels, keep)
    assert cut.readers == {"reads"}
    assert cut.kept_outputs["first"].sum() == keep["first"].sum()
    channels.remove(keep)
    reconstruct(model, dense.eval(), cut, fitted.data, np.arange(64), seed=0)
    return model, before


def test_a_channel_that_another_one_repeats_is_not_missed(fitted: Fitted) -> None:
    model, before = cut_twins(Twins(), fitted, slice(4, 8))
    after = logits_of(model, fitted.data.development[:64], fitted.data.preprocess)
    assert np.abs(after - before).max() < 0.05 * np.abs(before - before.mean(0)).max()


def test_without_refit_it_is_missed(fitted: Fitted) -> None:
    model, before = Twins(), logits_of(Twins(), fitted.data.development[:64], fitted.data.preprocess)
    channels = trace_channels(model, SPEC)
    channels.remove({"first": np.arange(8) < 4})
    after = logits_of(model, fitted.data.development[:64], fitted.data.preprocess)
    assert np.abs(after - before).max() > 0.2 * np.abs(before - before.mean(0)).max()


def test_a_layer_that_runs_twice_is_left_as_it_is(fitted: Fitted) -> None:
    model = Twins(twice=True)
    weight = model.reads.weight[:, :4].clone()
    cut_twins(model, fitted, slice(4, 8))
    torch.testing.assert_close(model.reads.weight, weight)


@pytest.mark.parametrize("criterion", ["random", "l1", "diagnostic"])
def test_a_pruned_network_says_more_nearly_what_the_dense_one_said(fitted: Fitted, criterion: str) -> None:
    before, images, preprocess = weights_digest(fitted.model), fitted.data.tuning, fitted.data.preprocess
    dense = logits_of(fitted.model, images, preprocess)

    def error(*, refit: bool) -> float:
        settings = Prune(criterion=criterion, macs_frac=0.4, recovery_frac=0, reconstruct=refit)
        pruned = settings(fitted.model, fitted.recipe, fitted.bench)
        return float(np.square(logits_of(pruned, images, preprocess) - dense).mean())

    assert error(refit=True) < 0.5 * error(refit=False)
    assert weights_digest(fitted.model) == before
