"""What a centre detector is taught: focal loss on the heat, GIoU on the boxes that cells near a centre speak for."""

import torch
from torch.nn import functional

from bedside.runtime.box_maps import BOX_CHANNELS, LOG_SIZE_UNIT, OFFSET_UNIT_PX, STRIDE_PX, base_size_px

_SPREAD = 0.09
"""Standard deviation of a heat spot as a share of its box side: 0.54 / 6 (Liu et al., AAAI 2020, section 3.2)."""

_LEAST_DEVIATION_CELLS = 0.8
_LEAST_VOICE = 0.2
"""Cells whose spot is fainter than this say nothing about a box."""

_BOX_WEIGHT = 5.0
_MOST_LOG = 16.0


def spots(targets: torch.Tensor, height_cells: int, width_cells: int) -> torch.Tensor:
    """Gaussian heat of each box, ``(N, M, h, w)``, exactly 1 in the cell of its centre and 0 for padding.

    Parameters
    ----------
    targets
        ``(N, M, 5)``: label (-1 for padding), x0, y0, x1, y1 in model-input pixels.
    """
    boxes = targets[..., 1:] / STRIDE_PX
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1e-3)
    centre = ((boxes[..., :2] + boxes[..., 2:]) / 2).floor()
    deviation = (sides * _SPREAD).clamp(min=_LEAST_DEVIATION_CELLS)
    last = torch.tensor([width_cells - 1, height_cells - 1], dtype=centre.dtype)
    centre = torch.minimum(centre.clamp(min=0), last)
    along_x = (torch.arange(width_cells) - centre[..., :1]) / deviation[..., :1]
    along_y = (torch.arange(height_cells) - centre[..., 1:]) / deviation[..., 1:]
    spot = torch.exp(-(along_y**2)[..., :, None] / 2 - (along_x**2)[..., None, :] / 2)
    return spot * (targets[..., 0] >= 0)[..., None, None]


def heat_of(targets: torch.Tensor, spot: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Heat that is asked for, ``(N, K, h, w)``: the highest spot of each class."""
    labels = targets[..., 0]
    return torch.stack([(spot * (labels == k)[..., None, None]).amax(dim=1) for k in range(n_classes)], dim=1)


def focal_loss(logits: torch.Tensor, heat: torch.Tensor, n_objects: torch.Tensor) -> torch.Tensor:
    """Focal loss with less weight on cells near a centre (Law & Deng, ECCV 2018, equation 1), an object."""
    prob = torch.sigmoid(logits)
    is_centre = heat == 1
    missed = (1 - prob) ** 2 * functional.logsigmoid(logits)
    raised = (1 - heat) ** 4 * prob**2 * functional.logsigmoid(-logits)
    return -torch.where(is_centre, missed, raised).sum() / n_objects


def boxes_of(maps: torch.Tensor) -> torch.Tensor:
    """Boxes of every cell, ``(N, 4, h, w)``: as `bedside.runtime.box_maps.boxes_of_maps`, with gradients."""
    height, width = maps.shape[2:]
    dx, dy, log_w, log_h = maps[:, -BOX_CHANNELS:].unbind(1)
    x = (torch.arange(width) + 0.5) * STRIDE_PX + dx * OFFSET_UNIT_PX
    y = (torch.arange(height)[:, None] + 0.5) * STRIDE_PX + dy * OFFSET_UNIT_PX
    base = base_size_px(height, width)
    half_w = base / 2 * torch.exp(log_w.clamp(-_MOST_LOG, _MOST_LOG) * LOG_SIZE_UNIT)
    half_h = base / 2 * torch.exp(log_h.clamp(-_MOST_LOG, _MOST_LOG) * LOG_SIZE_UNIT)
    return torch.stack([x - half_w, y - half_h, x + half_w, y + half_h], dim=1)


def giou(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Generalized IoU of paired boxes (Rezatofighi et al., CVPR 2019), ``(..., )``; boxes along the first axis."""
    inner = (torch.minimum(one[2:], other[2:]) - torch.maximum(one[:2], other[:2])).clamp(min=0).prod(0)
    outer = (torch.maximum(one[2:], other[2:]) - torch.minimum(one[:2], other[:2])).prod(0)
    union = (one[2:] - one[:2]).prod(0) + (other[2:] - other[:2]).prod(0) - inner
    return inner / union.clamp(min=1e-6) - (outer - union) / outer.clamp(min=1e-6)


def box_loss(maps: torch.Tensor, targets: torch.Tensor, spot: torch.Tensor) -> torch.Tensor:
    """1 - GIoU over the cells near a centre; a cell speaks for its strongest box, and all boxes weigh the same."""
    voice, owner = spot.max(dim=1)
    voice = torch.where(voice >= _LEAST_VOICE, voice, 0.0)
    image, y, x = torch.nonzero(voice, as_tuple=True)
    if not len(image):
        return maps.sum() * 0.0
    box = owner[image, y, x] + image * spot.shape[1]
    sums = torch.zeros(spot.shape[0] * spot.shape[1]).index_add_(0, box, voice[image, y, x])
    weight = voice[image, y, x] / sums[box]
    predicted = boxes_of(maps)[image, :, y, x].T
    wanted = targets[image, owner[image, y, x], 1:].T
    return ((1 - giou(predicted, wanted)) * weight).sum() / weight.sum()


def centre_loss(maps: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Heat and boxes together; `maps` ``(N, K + 4, h, w)``, `targets` ``(N, M, 5)``."""
    n_classes = maps.shape[1] - BOX_CHANNELS
    targets = functional.pad(targets, (0, 0, 0, 1), value=-1.0)  # so that there is a row to look at
    spot = spots(targets, *maps.shape[2:])
    n_objects = (targets[..., 0] >= 0).sum().clamp(min=1)
    heat = focal_loss(maps[:, :n_classes], heat_of(targets, spot, n_classes), n_objects)
    return heat + _BOX_WEIGHT * box_loss(maps, targets, spot)
