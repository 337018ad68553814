"""EfficientNet-Lite0 cut short: its first blocks with their ImageNet weights, small enough for a few hundred KiB."""

from collections import OrderedDict
from typing import Any

import torch
from torch import nn

N_BLOCKS = {"lite0_cut4": 8, "lite0_cut5": 11, "lite0_cut6": 13}
"""Blocks that are kept: four whole stages, five, and five with two of the four blocks of the sixth."""

DROPOUT_PROB = 0.2
"""As EfficientNet-Lite0 itself (its authors' setting)."""


class TruncatedLite(nn.Module):
    """The stem, the first blocks, and the expansion of the block that would follow, pooled to a linear classifier.

    The last kept block ends in a linear bottleneck, which is narrow and has no activation. The expansion of the next
    block widens it sixfold behind a ReLU6, and its ImageNet weights are there already: no layer but the classifier
    starts from chance.

    Parameters
    ----------
    whole
        timm's ``tf_efficientnet_lite0``; its layers are taken, not copied.
    """

    def __init__(self, whole: Any, *, n_blocks: int, n_classes: int) -> None:
        super().__init__()
        self.conv_stem, self.bn1 = whole.conv_stem, whole.bn1
        placed = [(k, i, block) for k, stage in enumerate(whole.blocks) for i, block in enumerate(stage)]
        kept: dict[str, list[nn.Module]] = {}
        for number, _, block in placed[:n_blocks]:
            kept.setdefault(str(number), []).append(block)
        self.blocks = nn.Sequential(OrderedDict((name, nn.Sequential(*blocks)) for name, blocks in kept.items()))
        number, index, following = placed[n_blocks]
        self.widening = f"blocks.{number}.{index}"
        self.conv_head, self.bn2 = following.conv_pw, following.bn1
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.dropout = nn.Dropout(DROPOUT_PROB)
        self.classifier = nn.Linear(self.conv_head.out_channels, n_classes)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the last feature map, ``(N, 6 c, h, w)``."""
        features = self.blocks(self.bn1(self.conv_stem(images)))
        return self.bn2(self.conv_head(features))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits ``(N, K)``."""
        return self.classifier(self.dropout(self.global_pool(self.forward_features(images))))
