"""Equalization leaves the function and evens the ranges; bias correction cancels the mean error of rounding."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs the workshop extra")

from torch import nn

from bedside.base.digest import digest_array
from bedside.base.task import TensorSpec
from bedside.compress.bias_correction import bias_corrected, expected_errors
from bedside.compress.equalization import equalized, layer_pairs
from bedside.compress.folding import folded
from bedside.compress.quantization import LayerRule, QuantizationPlan
from bedside.compress.rounding import rounded_weight
from bedside.train.architecture import Architecture, build

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=28, width_px=28)
OBSERVED = np.random.default_rng(0).normal(size=(16, *SPEC.shape)).astype(np.float32)
PLAN = QuantizationPlan(n_observed=16, observation=digest_array(OBSERVED))


class Uneven(nn.Module):
    """Full, depthwise and linear layers whose channels differ a thousandfold, with a link that must not be scaled."""

    def __init__(self, act: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8), act())
        self.depth = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8, padding=1), nn.BatchNorm2d(8), act())
        self.point, self.linked = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 2))

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        x = self.depth(self.stem(x))
        x = self.point(x)
        x = torch.relu(x + self.linked(x))
        return self.head(x.mean((2, 3)))


def uneven(act: type[nn.Module] = nn.ReLU) -> nn.Module:
    torch.manual_seed(0)
    model = Uneven(act)
    with torch.no_grad():
        for layer in (model.stem[1], model.depth[1]):
            layer.weight.mul_(torch.logspace(-1.5, 1.5 if act is nn.ReLU else 0.2, 8))
            layer.bias.normal_()
        for _ in range(10):
            model.train()(torch.from_numpy(OBSERVED))
    return model.eval()


def outputs(model: nn.Module, images: np.ndarray = OBSERVED) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(images)).numpy()


def spread(model: nn.Module, path: str) -> float:
    """How much wider the widest output channel's weights are than the narrowest's."""
    widths = model.get_submodule(path).weight.detach().abs().flatten(1).amax(1)
    return float(widths.max() / widths.min())


def test_pairs_end_at_links_and_flattened_maps() -> None:
    pairs = layer_pairs(folded(uneven(), SPEC), SPEC)
    assert [(p.first, p.second) for p in pairs] == [("stem.0", "depth.0"), ("depth.0", "point")]


def test_equalized_computes_the_same_and_is_even() -> None:
    model = uneven()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    result = equalized(model, SPEC)
    np.testing.assert_allclose(outputs(result), outputs(model), atol=1e-4, rtol=1e-4)
    assert spread(folded(model, SPEC), "stem.0") > 100
    assert spread(result, "stem.0") < 0.5 * spread(folded(model, SPEC), "stem.0")
    for pair in layer_pairs(result, SPEC):
        first, second = result.get_submodule(pair.first).weight, result.get_submodule(pair.second).weight
        reads = second if second.shape[1] == 1 else second.transpose(0, 1)
        torch.testing.assert_close(first.abs().flatten(1).amax(1), reads.abs().flatten(1).amax(1), rtol=0.01, atol=0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_clip_is_only_scaled_where_no_observed_image_reaches_it() -> None:
    model = uneven(nn.ReLU6)
    plain = folded(model, SPEC)
    without = equalized(model, SPEC)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(without.state_dict()[name], value)
    result = equalized(model, SPEC, observed=OBSERVED)
    assert not torch.equal(result.get_submodule("stem.0").weight, plain.get_submodule("stem.0").weight)
    np.testing.assert_allclose(outputs(result), outputs(model), atol=1e-4, rtol=1e-4)


def test_our_family_is_the_same_on_observed_images() -> None:
    model = build(Architecture(family="depthwise", width=0.5, spec=SPEC, n_classes=2), seed=0)
    with torch.no_grad():
        for _ in range(10):
            model.train()(torch.from_numpy(OBSERVED))
    model.eval()
    result = equalized(model, SPEC, observed=OBSERVED)
    np.testing.assert_allclose(outputs(result), outputs(model), atol=1e-4)
    assert any(
        not torch.allclose(value, folded(model, SPEC).state_dict()[name]) for name, value in result.state_dict().items()
    )


@pytest.mark.parametrize("n_bits", [4, 8])
def test_rounded_weights_are_a_symmetric_grid(n_bits: int) -> None:
    layer = nn.Conv2d(3, 5, 3)
    weight, rounded = layer.weight.detach(), rounded_weight(layer, n_bits=n_bits)
    for one, grid in zip(weight, rounded, strict=True):
        step = float(one.abs().max()) / (2 ** (n_bits - 1) - 1)
        assert float((one - grid).abs().max()) <= step / 2 + 1e-6
        np.testing.assert_allclose((grid / step).round().numpy() * step, grid.numpy(), atol=1e-6)


def test_the_mean_of_a_rounded_layer_is_that_of_the_float_one() -> None:
    model = folded(uneven(), SPEC)
    plan = QuantizationPlan(weight_bits=4, n_observed=16, observation=PLAN.observation,
                            rules=(LayerRule(layer="linked", keeps="float"),))  # fmt: skip
    result = bias_corrected(model, SPEC, observed=OBSERVED, plan=plan)
    torch.testing.assert_close(result.linked.bias, model.linked.bias)  # type: ignore[union-attr]
    inputs: list[torch.Tensor] = []
    model.point.register_forward_hook(lambda layer, args, output: inputs.append(args[0]))  # type: ignore[union-attr]
    outputs(model)
    point = result.get_submodule("point")
    with torch.no_grad():
        expected = model.get_submodule("point")(inputs[0]).mean((0, 2, 3))
        point.weight = nn.Parameter(rounded_weight(point, n_bits=4))
        torch.testing.assert_close(point(inputs[0]).mean((0, 2, 3)), expected, atol=1e-4, rtol=1e-4)
    assert float(expected_errors(model, observed=OBSERVED, plan=plan)["point"].abs().max()) > 1e-3
