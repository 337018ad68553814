"""Our criterion against sums that are made another way, and its ablations."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="criteria need the workshop extra")

from fitted_network import SPEC, Fitted

from bedside.compress.channels import Channels, trace_channels
from bedside.compress.cost import layer_costs
from bedside.compress.criteria import Sample
from bedside.compress.diagnostic import COSTLESS, Diagnostic
from bedside.compress.foreground import foreground_of
from bedside.compress.paper_widths import PaperWidths
from bedside.data.reading import read_image
from bedside.runtime.devices import device_named

pytestmark = pytest.mark.workshop


def traced(model: "torch.nn.Module") -> tuple[Channels, PaperWidths]:
    channels = trace_channels(model, SPEC)
    return channels, PaperWidths(layer_costs(model, SPEC), channels.groups, device_named("host"))


def test_evidence_is_the_change_of_the_margin_when_a_channel_shrinks(fitted: Fitted) -> None:
    """Finite differences: scaling a channel by 1 - h changes the mean margin by h times its evidence."""
    from copy import deepcopy

    model = deepcopy(fitted.model).double()
    rows = np.arange(6)
    plain = Diagnostic(weighted=False, balanced=False, cost_power=0.0)
    single = deepcopy(fitted.model)
    channels, paper = traced(single)
    scores = plain(channels, paper, Sample(data=fitted.data, rows=rows, seed=0))
    layers = dict(model.named_modules())
    readers = {name: [layers[member.layer] for member in group.on("in")] for name, group in channels.groups.items()}
    name, (reader,) = next(
        (name, found) for name, found in readers.items() if len(found) == 1 and isinstance(found[0], torch.nn.Conv2d)
    )
    images = torch.from_numpy(fitted.data.preprocess.normalize(fitted.data.development[rows])).double()
    labels = torch.from_numpy(fitted.data.development_targets[rows])

    def margins(channel: int, factor: float) -> "torch.Tensor":
        def shrink(layer: object, inputs: tuple["torch.Tensor", ...]) -> tuple["torch.Tensor", ...]:
            scale = torch.ones(inputs[0].shape[1], dtype=torch.double)
            scale[channel] = factor
            return (inputs[0] * scale[:, None, None],)

        hook = reader.register_forward_pre_hook(shrink)
        with torch.no_grad():
            logits = model(images)
        hook.remove()
        return logits.gather(1, labels[:, None])[:, 0] - logits.gather(1, 1 - labels[:, None])[:, 0]

    h = 1e-4
    slopes = [
        ((margins(c, 1 + h) - margins(c, 1 - h)) / (2 * h)).abs().mean().item()
        for c in range(channels.groups[name].n_channels)
    ]
    np.testing.assert_allclose(scores[name], np.array(slopes) / sum(slopes), rtol=0.02, atol=1e-3)


def test_evidence_without_cost_is_a_share_of_the_group(fitted: Fitted) -> None:
    channels, paper = traced(fitted.model)
    sample = Sample(data=fitted.data, rows=np.arange(16), seed=0)
    for scores in COSTLESS(channels, paper, sample).values():
        assert scores.sum() == pytest.approx(1)
        assert (scores >= 0).all()


def test_the_options_change_the_scores(fitted: Fitted) -> None:
    channels, paper = traced(fitted.model)
    rare = np.flatnonzero(fitted.data.development_targets == 1)[:2]
    rows = np.sort(np.concatenate([np.flatnonzero(fitted.data.development_targets == 0)[:30], rare]))
    sample = Sample(data=fitted.data, rows=rows, seed=0)
    whole = np.concatenate(list(Diagnostic()(channels, paper, sample).values()))
    for other in (Diagnostic(weighted=False), Diagnostic(balanced=False), Diagnostic(cost_power=0.0)):
        assert not np.allclose(whole, np.concatenate(list(other(channels, paper, sample).values())), rtol=1e-3)


def test_the_cost_of_a_channel_is_what_pruning_it_saves(fitted: Fitted) -> None:
    channels, paper = traced(fitted.model)
    for name, macs in paper.macs_of_channels().items():
        keep = {name: np.arange(len(macs)) > 0}
        saved = 1e6 * (paper.cost({}).mmacs - paper.cost(keep).mmacs)
        n_both = sum(member.layer in {m.layer for m in channels.groups[name].on("out")} for member in
                     channels.groups[name].on("in"))  # fmt: skip
        assert saved == pytest.approx(macs[0], rel=1e-6 if not n_both else 0.1)


def test_foreground_leaves_out_the_black_border() -> None:
    image = np.zeros((1, 1, 32, 32), np.uint8)
    image[..., 8:24, 8:24] = 120
    image[..., 12:16, 12:16] = 250
    np.testing.assert_array_equal(foreground_of(image)[0], (image[0, 0] > 0).astype(np.float32))


def test_foreground_of_a_real_brain_is_the_head(shared_data: Path) -> None:
    picture = next((shared_data / "mri_braintumor4").rglob("*.jpg"), None) or next(
        (shared_data / "mri_braintumor4").rglob("*.png")
    )
    image = read_image(picture)
    grey = image if image.ndim == 2 else image[..., 0]
    inside = foreground_of(grey[None, None])[0]
    height, width = grey.shape
    assert inside[height // 3 : -height // 3, width // 3 : -width // 3].mean() > 0.8
    assert inside[:5].mean() < 0.3
