"""Strides that suit the input."""

import pytest

torch = pytest.importorskip("torch", reason="pip install 'bedside[workshop]'")

from torch import nn

from bedside.train.stems import FINAL_MAP_PX, n_strides_for, suit_strides


@pytest.mark.parametrize(
    ("input_px", "n"), [(1, 1), (4, 1), (8, 1), (16, 2), (28, 3), (32, 3), (64, 4), (128, 5), (224, 5), (1024, 5)]
)
def test_the_number_of_halvings(input_px: int, n: int) -> None:
    assert n_strides_for(input_px) == n


def network() -> nn.Module:
    layers: list[nn.Module] = []
    for stride in (2, 1, 2, 2, 1, 2, 2):
        layers += [nn.Conv2d(3, 3, 3, stride=stride, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


@pytest.mark.parametrize("input_px", [8, 28, 64, 224])
def test_the_last_map_is_neither_a_point_nor_the_whole(input_px: int) -> None:
    model = suit_strides(network(), input_px)
    strides = [layer.stride[0] for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert strides.count(2) == n_strides_for(input_px)
    assert strides[-1] == 2, "the first strides go, the last stay"
    side = model(torch.zeros(1, 3, input_px, input_px)).shape[-1]
    assert FINAL_MAP_PX / 1.5 <= side <= FINAL_MAP_PX * 2
