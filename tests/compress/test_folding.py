"""Folding batch norm leaves the function, the paths and the network that was handed in."""

import pytest

torch = pytest.importorskip("torch", reason="compression needs the workshop extra")

from torch import nn

from bedside.base.errors import TraceError
from bedside.base.task import TensorSpec
from bedside.compress.folding import folded
from bedside.compress.wiring import wiring_of
from bedside.train.architecture import Architecture, build

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=28, width_px=28)
RGB = TensorSpec(n_channels=3, height_px=32, width_px=32)


def seasoned(model: nn.Module, spec: TensorSpec) -> nn.Module:
    """The network with batch norms that have seen data and have scales of their own."""
    torch.manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2.0)
            nn.init.uniform_(layer.bias, -1, 1)
    with torch.no_grad():
        for _ in range(4):
            model.train()(torch.randn(8, *spec.shape))
    return model.eval()


def norms(model: nn.Module) -> list[str]:
    return [name for name, layer in model.named_modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]


def same_function(first: nn.Module, second: nn.Module, spec: TensorSpec) -> None:
    images = torch.randn(4, *spec.shape)
    with torch.no_grad():
        torch.testing.assert_close(second(images), first(images), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", ["depthwise", "residual", "fire"])
def test_our_families_fold_whole(family: str) -> None:
    model = seasoned(build(Architecture(family=family, width=0.5, spec=SPEC, n_classes=2), seed=0), SPEC)
    result = folded(model, SPEC)
    assert not norms(result)
    assert norms(model), "the network that was handed in is not touched"
    assert {n for n, _ in model.named_modules()} == {n for n, _ in result.named_modules()}
    same_function(model, result, SPEC)


def test_activations_inside_a_norm_stay() -> None:
    timm = pytest.importorskip("timm")
    model = seasoned(timm.create_model("mobilenetv3_small_050", num_classes=2, pretrained=False), RGB)
    result = folded(model, RGB)
    assert not norms(result)
    assert isinstance(result.get_submodule("bn1.act"), nn.Hardswish)
    same_function(model, result, RGB)


class _Odd(nn.Module):
    """Linear and transposed layers fold; a norm whose input is read twice, and one of a shared layer, do not."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.up_norm = nn.ConvTranspose2d(1, 4, 3, bias=False), nn.BatchNorm2d(4)
        self.twice, self.twice_norm = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)
        self.shared, self.first, self.second = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.linear, self.linear_norm = nn.Linear(4, 2), nn.BatchNorm1d(2)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        x = self.up_norm(self.up(x)).relu()
        y = self.twice(x)
        x = self.twice_norm(y) + y
        x = self.second(self.shared(self.first(self.shared(x)).relu()))
        return self.linear_norm(self.linear(x.mean((2, 3))))


def test_only_a_norm_with_one_feeder_folds() -> None:
    model = seasoned(_Odd(), SPEC)
    result = folded(model, SPEC)
    assert norms(result) == ["twice_norm", "first", "second"]
    same_function(model, result, SPEC)


def test_wiring_names_layers_by_path() -> None:
    wiring = wiring_of(_Odd().eval(), SPEC)
    assert set(wiring.layer_of.values()) == {"up", "up_norm", "twice", "twice_norm", "first", "second", "linear",
                                             "linear_norm"}  # fmt: skip


def test_a_network_that_cannot_be_captured_is_refused() -> None:
    class Branches(nn.Module):
        def forward(self, x: "torch.Tensor") -> "torch.Tensor":
            return x if x.sum() > 0 else -x

    with pytest.raises(TraceError, match="captured"):
        folded(Branches(), SPEC)
