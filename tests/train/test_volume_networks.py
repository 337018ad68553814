"""Light 3-D networks: shapes, and that their factored blocks are what they say."""

import pytest

torch = pytest.importorskip("torch", reason="networks need the workshop extra")

from bedside.base.task import TensorSpec
from bedside.train.architecture import Architecture, build
from bedside.train.volume_blocks import DepthConv, Factored, PlaneConv, Unfold, doubled

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, depth_px=16, height_px=24, width_px=8)


def made(family: str, width: float = 0.25, n_classes: int = 3) -> torch.nn.Module:
    return build(Architecture(family=family, width=width, spec=SPEC, n_classes=n_classes), seed=0).eval()


@pytest.mark.parametrize(("family", "shape"), [("unet3d", (2, 3, 16, 24, 8)), ("net3d", (2, 3))])
@pytest.mark.parametrize("width", [1.0, 0.25])
def test_outputs_have_the_shape_of_the_task(family: str, shape: tuple[int, ...], width: float) -> None:
    with torch.no_grad():
        assert made(family, width)(torch.zeros(2, *SPEC.shape)).shape == shape


@pytest.mark.parametrize("family", ["unet3d", "net3d"])
def test_no_layer_is_three_dimensional(family: str) -> None:
    assert not [m for m in made(family).modules() if isinstance(m, torch.nn.Conv3d | torch.nn.BatchNorm3d)]
    assert max(p.ndim for p in made(family).parameters()) == 4


def test_a_volume_of_a_batch_does_not_see_its_neighbour() -> None:
    torch.manual_seed(0)
    volumes = torch.randn(3, *SPEC.shape)
    network = made("unet3d")
    with torch.no_grad():
        alone = torch.cat([network(volume[None]) for volume in volumes])
        torch.testing.assert_close(network(volumes), alone, atol=1e-5, rtol=1e-5)


def as_3d(conv: torch.nn.Conv2d, *, along_depth: bool) -> torch.nn.Conv3d:
    """The convolution of PyTorch's own that a factor stands for."""
    kernel = (3, 1, 1) if along_depth else (1, 3, 3)
    whole = torch.nn.Conv3d(
        conv.in_channels, conv.out_channels, kernel, padding=tuple(k // 2 for k in kernel), bias=False
    )
    whole.weight.data = conv.weight.data.reshape(whole.weight.shape)
    return whole


def test_the_two_factors_are_convolutions_in_three_dimensions() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 5, 6, 7, 4)
    first = features.permute(0, 4, 1, 2, 3)
    for block, along_depth in (
        (PlaneConv(4, 3, active=False).eval(), False),
        (DepthConv(4, 3, active=False).eval(), True),
    ):
        block.norm = torch.nn.Identity()
        expected = as_3d(block.conv, along_depth=along_depth)(first).permute(0, 2, 3, 4, 1)
        torch.testing.assert_close(block(features), expected, atol=1e-5, rtol=1e-5)


def test_doubling_is_nearest_interpolation() -> None:
    features = torch.randn(2, 3, 4, 5, 6)
    theirs = torch.nn.functional.interpolate(features.permute(0, 4, 1, 2, 3), scale_factor=2, mode="nearest")
    torch.testing.assert_close(doubled(features), theirs.permute(0, 2, 3, 4, 1))


def test_unfolding_is_a_transposed_convolution() -> None:
    """Each half-size voxel writes its own eight: a transposed convolution of kernel and stride 2 does the same."""
    torch.manual_seed(0)
    block, features = Unfold(5, 3), torch.randn(2, 2, 3, 4, 5)
    whole = torch.nn.ConvTranspose3d(5, 3, 2, 2)
    weight = block.conv.weight.data.reshape(2, 2, 2, 3, 5)  # column, row, slice, class: the order of the channels
    whole.weight.data = _in_order(weight)
    whole.bias.data.zero_()
    block.conv.bias.data.zero_()
    expected = whole(features.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)
    torch.testing.assert_close(block(features), expected, atol=1e-5, rtol=1e-5)


def _in_order(weight: torch.Tensor) -> torch.Tensor:
    """``(w, h, d, K, C)`` to PyTorch's ``(C, K, d, h, w)``."""
    return weight.permute(4, 3, 2, 1, 0)


def test_gradients_reach_every_weight() -> None:
    network = made("unet3d").train()
    network(torch.randn(2, *SPEC.shape)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_a_link_stands_where_channels_agree() -> None:
    assert Factored(8, 8).has_link
    assert not Factored(8, 16).has_link
