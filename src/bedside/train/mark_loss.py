"""Loss of findings that may be there together: unknown marks left out, rare findings weighted, sigmoids distilled."""

import torch
from torch import Tensor
from torch.nn import functional

MAX_WEIGHT = 10.0
"""Of the marks that say "there", against those that say "not there"."""


def mark_loss(logits: Tensor, marks: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy over the known cells of ``(n, K)``, those that are there weighted by their rarity.

    The weight is the ratio of negative to positive cells in the batch, over all findings (W-CEL of Wang et al.,
    ChestX-ray8, CVPR 2017, section 4.2), from 1 to `MAX_WEIGHT`. A batch without a known cell has the loss 0.

    Parameters
    ----------
    marks
        1, 0 or -1 (unknown).
    """
    known = marks >= 0
    there = marks == 1
    n_there, n_known = there.sum(), known.sum()
    weight = ((n_known - n_there) / n_there.clamp(min=1)).clamp(1.0, MAX_WEIGHT)
    target = there.to(logits.dtype) * (1 - label_smoothing) + label_smoothing / 2
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    weighted = torch.where(there, each * weight, each)
    return torch.where(known, weighted, torch.zeros_like(weighted)).sum() / n_known.clamp(min=1)


def soft_mark_loss(logits: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """Divergence of the student's sigmoids from the teacher's at a temperature, times its square (Hinton et al. 2015).

    Over all cells, also those whose mark is unknown: there the teacher is the only one who says anything.
    """
    soft = torch.sigmoid(teacher / temperature)
    cross = functional.binary_cross_entropy_with_logits(logits / temperature, soft)
    own = functional.binary_cross_entropy_with_logits(teacher / temperature, soft)
    return temperature * temperature * (cross - own)
