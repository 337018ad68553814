"""Backbones from timm, with stems that suit the input; the only file that knows timm."""

from collections.abc import Callable
from typing import Any

from torch import nn

from bedside.base.errors import PluginError
from bedside.train.architecture import Architecture
from bedside.train.stems import n_strides_for, suit_strides
from bedside.train.transfer import load_lite_weights
from bedside.train.truncating import N_BLOCKS, TruncatedLite

_MOBILENETV2 = {0.35: "mobilenetv2_035", 0.5: "mobilenetv2_050", 0.75: "mobilenetv2_075", 1.0: "mobilenetv2_100"}
_MOBILENETV4 = {
    0.35: "mobilenetv4_conv_small_035", 0.5: "mobilenetv4_conv_small_050", 1.0: "mobilenetv4_conv_small"
}  # fmt: skip


def _create(name: str, architecture: Architecture, **options: Any) -> nn.Module:
    import timm

    return timm.create_model(name, in_chans=architecture.spec.n_channels, num_classes=architecture.n_classes, **options)


def _at_width(names: dict[float, str], architecture: Architecture, **options: Any) -> nn.Module:
    if architecture.width not in names:
        raise PluginError(
            f"{architecture.family} has no width {architecture.width:g}",
            expected="one of " + ", ".join(f"{width:g}" for width in names),
        )
    model = _create(names[architecture.width], architecture, **options)
    return suit_strides(model, architecture.spec.height_px)


def resnet18(architecture: Architecture) -> nn.Module:
    """ResNet-18; inputs up to 64 px get a 3x3 stem of stride 1."""
    model = _create("resnet18", architecture)
    if architecture.spec.height_px <= 64:
        model.conv1 = nn.Conv2d(architecture.spec.n_channels, 64, 3, 1, 1, bias=False)
        if n_strides_for(architecture.spec.height_px) < 3:
            model.maxpool = nn.Identity()
    return model


def mobilenetv2(architecture: Architecture) -> nn.Module:
    """MobileNetV2 at a published width (Sandler et al., CVPR 2018)."""
    return _at_width(_MOBILENETV2, architecture)


def mobilenetv4_conv_small(architecture: Architecture) -> nn.Module:
    """MobileNetV4-conv-small at a published width (Qin et al., ECCV 2024)."""
    return _at_width(_MOBILENETV4, architecture)


def efficientnet_lite(architecture: Architecture) -> nn.Module:
    """EfficientNet-Lite0, 1 or 2; batch-norm momentum 0.1, since 0.01 leaves stale statistics in short fine-tunes."""
    model = _create(architecture.family, architecture, bn_momentum=0.1, bn_eps=1e-3)
    if architecture.pretrained:
        load_lite_weights(model, architecture.family)
    return suit_strides(model, architecture.spec.height_px)


def truncated_lite0(architecture: Architecture) -> nn.Module:
    """Build the first blocks of EfficientNet-Lite0 (``lite0_cut4``, ``lite0_cut5``, ``lite0_cut6``)."""
    whole = _create("tf_efficientnet_lite0", architecture, bn_momentum=0.1, bn_eps=1e-3)
    model = TruncatedLite(whole, n_blocks=N_BLOCKS[architecture.family], n_classes=architecture.n_classes)
    if architecture.pretrained:
        load_lite_weights(model)
    return suit_strides(model, architecture.spec.height_px)


def lite0_stages(architecture: Architecture, *, n_last_blocks: int) -> tuple[list[nn.Module], list[int]]:
    """EfficientNet-Lite0 as an encoder: modules whose outputs lie at 1/2, 1/4, 1/8, 1/16 and 1/32, and their channels.

    The last stage keeps its first `n_last_blocks` of four blocks, none for 0; ImageNet's head is left out.
    """
    model: Any = _create("tf_efficientnet_lite0", architecture, bn_momentum=0.1, bn_eps=1e-3)
    if architecture.pretrained:
        load_lite_weights(model, "tf_efficientnet_lite0")
    blocks = model.blocks
    stages = [nn.Sequential(model.conv_stem, model.bn1, blocks[0]), blocks[1], blocks[2],
              nn.Sequential(blocks[3], blocks[4])]  # fmt: skip
    last = [nn.Sequential(*blocks[5][:n_last_blocks])] if n_last_blocks else []
    return stages + last, [16, 24, 40, 112, 192][: len(stages) + len(last)]


def from_hub(architecture: Architecture) -> nn.Module:
    """Any timm model by name (``timm:NAME``); `pretrained` downloads its hub weights."""
    return _create(architecture.family.removeprefix("timm:"), architecture, pretrained=architecture.pretrained)


def rep_layer(
    n_in: int, n_out: int, kernel_px: int, stride: int, *, depthwise: bool, n_branches: int, linked: bool,
    activation: Callable[..., nn.Module],
) -> nn.Module:  # fmt: skip
    """MobileOne's layer (Vasu et al., CVPR 2023): branches in training, one convolution after `reparameterize`."""
    from timm.models.byobnet import LayerFn, MobileOneBlock

    block: Any = MobileOneBlock(
        n_in, n_out, kernel_px, stride, group_size=1 if depthwise else None, num_conv_branches=n_branches,
        layers=LayerFn(act=activation),  # type: ignore[arg-type]
    )  # fmt: skip
    if not linked:
        block.identity = None
    return block
