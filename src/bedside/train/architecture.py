"""A network on paper: enough to build it, count it and name it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.base.seam import Seam
from bedside.base.task import TensorSpec

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A family at one width for one input and one number of classes.

    Parameters
    ----------
    family
        Name in the seam `NETWORKS`.
    width
        Multiplier of the family's channels.
    pretrained
        Whether start weights are loaded (families that have some; see `bedside.train.transfer`).
    """

    family: str
    width: float
    spec: TensorSpec
    n_classes: int
    pretrained: bool = False

    @property
    def name(self) -> str:
        """Short name, such as ``fire-x0.5``."""
        return f"{self.family}-x{self.width:g}"


Builder = Callable[[Architecture], "nn.Module"]

NETWORKS: Seam[Builder] = Seam(
    "bedside.networks",
    {
        "resnet18": "bedside.train.timm_networks:resnet18",
        "mobilenetv2": "bedside.train.timm_networks:mobilenetv2",
        "mobilenetv4_conv_small": "bedside.train.timm_networks:mobilenetv4_conv_small",
        "tf_efficientnet_lite0": "bedside.train.timm_networks:efficientnet_lite",
        "tf_efficientnet_lite1": "bedside.train.timm_networks:efficientnet_lite",
        "tf_efficientnet_lite2": "bedside.train.timm_networks:efficientnet_lite",
        "lite0_cut4": "bedside.train.timm_networks:truncated_lite0",
        "lite0_cut5": "bedside.train.timm_networks:truncated_lite0",
        "lite0_cut6": "bedside.train.timm_networks:truncated_lite0",
        "fire": "bedside.train.fire:fire_network",
        "residual": "bedside.train.residual:residual_network",
        "timm": "bedside.train.timm_networks:from_hub",
        "python": "bedside.train.own_networks:from_callable",
        "centre_lite0": "bedside.train.centre_networks:centre_lite0",
        "centre_depthwise": "bedside.train.centre_networks:centre_depthwise",
        "recursive": "bedside.train.recursive:recursive_network",
        "depthwise": "bedside.train.depthwise:depthwise_network",
        "elastic": "bedside.train.elastic:elastic_network",
        "clip_mean": "bedside.train.clip_networks:clip_mean",
        "clip_gru": "bedside.train.clip_networks:clip_gru",
        "clip_shift": "bedside.train.clip_networks:clip_shift",
        "unet3d": "bedside.train.unet3d:unet3d",
        "net3d": "bedside.train.net3d:net3d",
        "unet_lite0": "bedside.train.unet:unet_lite0",
        "unet_mobile": "bedside.train.unet:unet_mobile",
    },
)


def build(architecture: Architecture, *, seed: int) -> "nn.Module":
    """Build the network with weights drawn from `seed`; input ``(N, *spec.shape)``, output logits ``(N, K)``.

    A family such as ``timm:convnext_tiny`` names a plugin and, behind the colon, what it shall build: here any model of
    timm, with hub weights where `pretrained` asks for them.
    """
    import torch

    torch.manual_seed(seed)
    return NETWORKS.get(architecture.family.partition(":")[0])(architecture)
