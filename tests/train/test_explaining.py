"""Gradient maps against closed forms, against captum's own occlusion, and against weights that know nothing."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="gradient maps need the workshop extra")
pytest.importorskip("captum", reason="gradient maps need the workshop extra")

from torch import nn

from bedside.base.errors import InputError
from bedside.base.task import TensorSpec
from bedside.train.architecture import Architecture, build
from bedside.train.explaining import (
    EXPLAINERS,
    grad_cam_plus_plus,
    integrated_gradients,
    last_feature_layer,
    log_odds,
    occlusion,
)
from bedside.train.randomizing import randomized_cascade

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=32, width_px=32)


class Spot(nn.Module):
    """Bright places speak for class 1, dark ones for class 0: two feature maps, an average, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.features[0].weight.copy_(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1))
            self.head.weight.copy_(torch.tensor([[0.0, 3.0], [5.0, 0.0]]))

    def forward(self, images):
        return self.head(self.pool(self.features(images)).flatten(1))


def spots() -> np.ndarray:
    made = np.zeros((2, 1, 12, 12), np.float32)
    made[:, 0, 2:4, 2:4] = 1.0
    made[:, 0, 8:10, 8:10] = -1.0
    return made


def test_grad_cam_plus_plus_in_closed_form() -> None:
    """With a global average and a linear layer ``g`` is one number a channel: written out with plain loops."""
    model, images = Spot().eval(), spots()[:1]
    bright = np.maximum(images[0, 0], 0).astype(float)
    dark = np.maximum(-images[0, 0], 0).astype(float)
    slopes = {0: (-5 / 144, 3 / 144), 1: (5 / 144, -3 / 144)}
    for class_index, pair in slopes.items():
        expected = np.zeros((12, 12))
        for channel, g in zip((bright, dark), pair, strict=True):
            weight = sum(g**2 / (2 * g**2 + channel.sum() * g**3) * max(g, 0) for _ in range(144))
            expected += weight * channel
        expected = np.maximum(expected, 0) / expected.max()
        found = grad_cam_plus_plus(model, images, np.array([class_index]))
        np.testing.assert_allclose(found[0], expected, atol=1e-6)


@pytest.mark.parametrize("name", EXPLAINERS.names())
def test_each_class_is_mapped_where_it_is(name: str) -> None:
    maps = EXPLAINERS.get(name)(Spot().eval(), spots(), np.array([1, 0]))
    assert maps.shape == (2, 12, 12)
    assert maps.min() >= 0
    assert maps.max(axis=(1, 2)).tolist() == [1, 1]
    one, other = maps[:, 2:4, 2:4].mean(axis=(1, 2)), maps[:, 8:10, 8:10].mean(axis=(1, 2))
    assert one[0] > 3 * other[0]
    assert other[1] > 3 * one[1]


def test_integrated_gradients_add_up() -> None:
    """Completeness (Sundararajan et al., axiom): attributions sum to the change of the log-odds."""
    from captum.attr import IntegratedGradients

    model = build(Architecture(family="residual", width=0.5, spec=SPEC, n_classes=3), seed=0).eval()
    image = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    chosen, base = torch.tensor([2]), image.mean().expand_as(image)
    whole = IntegratedGradients(lambda x, c: log_odds(model(x), c)).attribute(
        image, baselines=base, additional_forward_args=(chosen,), n_steps=32
    )
    with torch.no_grad():
        change = float(log_odds(model(image), chosen) - log_odds(model(base), chosen))
    assert float(whole.sum()) == pytest.approx(change, rel=0.05, abs=0.02)
    ours = integrated_gradients(model, image.numpy(), np.array([2]))[0]
    expected = whole.detach().sum(dim=1).clamp(min=0)[0].numpy()
    np.testing.assert_allclose(ours, expected / expected.max(), atol=1e-4)


def test_log_odds_are_those_of_the_softmax() -> None:
    outputs = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    chosen = torch.tensor([0, 1, 2, 3, 0])
    p = outputs.softmax(1).gather(1, chosen[:, None])[:, 0]
    torch.testing.assert_close(log_odds(outputs, chosen), torch.log(p / (1 - p)))


def test_the_wards_occlusion_agrees_with_captums() -> None:
    """Two implementations, one question; the ward hides more places and asks for probabilities."""
    from bedside.export.exported import eager_session
    from bedside.verify.heat_agreement import rank_correlation, top_iou
    from bedside.verify.occlusion import occlusion_map
    from bedside.verify.operating_point import OperatingPoint

    class Blob(nn.Module):
        def forward(self, images):
            score = images[:, 0, 14:20, 5:11].mean(dim=(1, 2)) * 4
            return torch.stack([torch.zeros_like(score), score], dim=1)

    image = np.random.default_rng(0).random((1, 32, 32)).astype(np.float32) * 0.2
    image[0, 14:20, 5:11] += 1
    point = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="")
    ours = occlusion_map(eager_session(Blob()), image, point, 1)
    theirs = occlusion(Blob(), image[None], np.array([1]))[0]
    assert rank_correlation(ours, theirs) > 0.75
    assert top_iou(ours, theirs) > 0.4


@pytest.mark.parametrize(
    ("family", "width", "expected"),
    [("fire", 1.0, "9"), ("residual", 1.0, "3"), ("depthwise", 1.0, "7"), ("resnet18", 1.0, "layer4"),
     ("mobilenetv2", 0.5, "bn2"), ("mobilenetv4_conv_small", 0.5, "blocks"), ("tf_efficientnet_lite0", 1.0, "bn2")],
)  # fmt: skip
def test_the_last_map_of_every_family_is_found(family: str, width: float, expected: str) -> None:
    model = build(Architecture(family=family, width=width, spec=SPEC, n_classes=3), seed=0).eval()
    image = torch.randn(1, *SPEC.shape, generator=torch.Generator().manual_seed(0))
    assert last_feature_layer(model, image) == expected
    heat = grad_cam_plus_plus(model, image.numpy(), np.array([1]))
    assert heat.shape == (1, 32, 32)
    assert np.isfinite(heat).all()


def test_a_network_without_a_map_is_refused() -> None:
    with pytest.raises(InputError, match="no last feature map"):
        last_feature_layer(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), torch.zeros(1, 1, 4, 4))
    spec = TensorSpec(n_channels=3, height_px=224, width_px=224)
    tokens = build(Architecture(family="timm:vit_tiny_patch16_224", width=1, spec=spec, n_classes=2), seed=0).eval()
    with pytest.raises(InputError, match="no last feature map"):
        last_feature_layer(tokens, torch.zeros(1, *spec.shape))


def test_the_model_survives() -> None:
    model = build(Architecture(family="residual", width=0.5, spec=SPEC, n_classes=2), seed=0).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    images = np.random.default_rng(0).normal(size=(2, 1, 32, 32)).astype(np.float32)
    held = images.copy()
    for name in EXPLAINERS.names():
        EXPLAINERS.get(name)(model, images, np.array([0, 1]))
    for _ in randomized_cascade(model):
        pass
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(layer._forward_hooks for layer in model.modules())
    np.testing.assert_array_equal(images, held)


def test_the_cascade_runs_from_the_outputs_to_the_input() -> None:
    model = build(Architecture(family="residual", width=0.5, spec=SPEC, n_classes=2), seed=0).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape))  # as if fitted: fresh batch norms are all ones
    fitted, changed, copies = dict(model.named_parameters()), [set()], []
    for layer, copy in randomized_cascade(model, n_stages=4):
        names = {name for name, weight in copy.named_parameters() if not torch.equal(weight, fitted[name])}
        assert changed[-1] < names, "each copy is more random than the one before"
        assert any(name.startswith(layer) for name in names - changed[-1])
        changed.append(names)
        copies.append(copy)
    assert {name for name in fitted if ".linear." in name} <= changed[1], "the outputs go first"
    assert not any(name.startswith("0.") for name in changed[-2]), "the input goes last"
    assert changed[-1] == set(fitted), "in the end nothing that was fitted is left"
    *_, (_, again) = randomized_cascade(model, n_stages=4)
    for weight, other in zip(copies[-1].parameters(), again.parameters(), strict=True):
        assert torch.equal(weight, other)


def test_random_weights_keep_their_size() -> None:
    layer = nn.Linear(400, 300)
    *_, (_, copy) = randomized_cascade(nn.Sequential(layer))
    assert float(copy[0].weight.detach().std()) == pytest.approx(float(layer.weight.detach().std()), rel=0.02)
    correlation = np.corrcoef(copy[0].weight.detach().ravel(), layer.weight.detach().ravel())[0, 1]
    assert abs(correlation) < 5 / math.sqrt(400 * 300)
