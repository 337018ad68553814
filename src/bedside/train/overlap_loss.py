"""Losses of segmentation: soft Dice beside cross-entropy, for maps ``(N, K, H, W)`` and volumes ``(N, K, D, H, W)``."""

from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapLoss:
    """Weights of the terms.

    Parameters
    ----------
    dice_weight
        Of ``1 - soft Dice``, averaged over the classes behind the background (Milletari et al., 3DV 2016; beside
        cross-entropy as in Isensee et al., Nat Methods 2021).
    edge_weight
        By how much the cross-entropy of a pixel next to a border of the mask counts more than another's.
    smooth_px
        Added above and below in the Dice fraction, so that an empty mask pulls towards an empty answer.
    """

    dice_weight: float = 1.0
    edge_weight: float = 0.0
    smooth_px: float = 1.0

    def __call__(self, logits: torch.Tensor, masks: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
        """Loss of logits ``(N, K, ...)`` against label numbers ``(N, ...)``, a scalar."""
        masks = masks.long()
        entropy = functional.cross_entropy(logits, masks, reduction="none", label_smoothing=label_smoothing)
        if self.edge_weight:
            entropy = entropy * (1 + self.edge_weight * borders(masks, logits.shape[1]))
        loss = entropy.mean()
        return loss + self.dice_weight * soft_dice_loss(logits, masks, self.smooth_px) if self.dice_weight else loss


def soft_dice_loss(logits: torch.Tensor, masks: torch.Tensor, smooth_px: float = 1.0) -> torch.Tensor:
    """One minus the soft Dice of each class behind the background, over the whole batch at once.

    Over a batch, since an image without the class has a Dice of nought or one by its noise alone.
    """
    n_classes = logits.shape[1]
    probabilities = torch.softmax(logits, 1).movedim(1, -1).reshape(-1, n_classes)[:, 1:]
    truth = functional.one_hot(masks.reshape(-1), n_classes)[:, 1:].to(probabilities.dtype)
    overlap = (probabilities * truth).sum(0)
    sizes = probabilities.sum(0) + truth.sum(0)
    return 1 - ((2 * overlap + smooth_px) / (sizes + smooth_px)).mean()


def borders(masks: torch.Tensor, n_classes: int) -> torch.Tensor:
    """1 where a pixel or one of its neighbours has another label, ``(N, ...)`` float."""
    pool = functional.max_pool2d if masks.ndim == 3 else functional.max_pool3d
    one_hot = functional.one_hot(masks, n_classes).movedim(-1, 1).float()
    return (pool(one_hot, 3, 1, 1).sum(1) > 1).float()


def soft_target_loss(logits: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Distillation pixel by pixel: divergence of softened answers (Hinton et al., arXiv:1503.02531), times T squared.

    Both are ``(N, K, ...)``; the mean is over images and places.
    """
    student = functional.log_softmax(logits / temperature, 1)
    target = functional.log_softmax(teacher / temperature, 1)
    apart = functional.kl_div(student, target, reduction="none", log_target=True).sum(1)
    return temperature * temperature * apart.mean()


def pooled_to(maps: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Average ``(N, K, ...)`` down to the grid of `like`."""
    if maps.shape == like.shape:
        return maps
    pool = functional.adaptive_avg_pool2d if maps.ndim == 4 else functional.adaptive_avg_pool3d
    return pool(maps, like.shape[2:])  # type: ignore[arg-type]
