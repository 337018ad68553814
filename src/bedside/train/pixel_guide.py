"""Distillation of outlines at full resolution: every pixel, those near a border of the mask more than others."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from bedside.base.arrays import IntArray
from bedside.base.errors import RecipeError
from bedside.train.guide import Guide, GuideOrder
from bedside.train.overlap_loss import borders
from bedside.train.teacher_memory import TeacherMemory

BAND_PX = 2
"""Pixels on either side of a border that belong to it: a teacher knows most about the place of an edge close to it."""


def edge_weights(masks: torch.Tensor, n_classes: int, edge_weight: float) -> torch.Tensor:
    """Weights ``(N, ...)`` with a mean of one: ``1 + edge_weight`` within `BAND_PX` of a border to 1 elsewhere."""
    pool = functional.max_pool2d if masks.ndim == 3 else functional.max_pool3d
    edges = borders(masks.long(), n_classes)[:, None]
    band = pool(edges, 2 * BAND_PX - 1, 1, BAND_PX - 1)[:, 0]
    weights = 1 + edge_weight * band
    return weights / weights.mean()


def pixel_loss(
    outputs: torch.Tensor, teacher: torch.Tensor, masks: torch.Tensor, *, temperature: float, edge_weight: float
) -> torch.Tensor:
    """Weighted mean of each pixel's divergence from the teacher's softened answer, times the temperature squared.

    `outputs` and `teacher` are ``(N, K, ...)``, `masks` label numbers ``(N, ...)``.
    """
    student = functional.log_softmax(outputs / temperature, 1)
    target = functional.log_softmax(teacher / temperature, 1)
    apart = functional.kl_div(student, target, reduction="none", log_target=True).sum(1)
    return temperature**2 * (apart * edge_weights(masks, outputs.shape[1], edge_weight)).mean()


class PixelGuide:
    """Compares whole maps; the teacher's coarse answers are then not needed."""

    def __init__(self, order: GuideOrder) -> None:
        if order.teacher is None or order.data.kind != "segmentation":
            raise RecipeError(
                f"distillation by pixels of a {order.data.kind} task, "
                f"{'without' if order.teacher is None else 'with'} a teacher network",
                expected="segmentation, and the reference at hand", hint="use plain distil",
            )  # fmt: skip
        teacher: Any = order.teacher
        self._order = order
        self._memory = TeacherMemory(order.teacher, order.data, order.plan, lambda images: (teacher(images),), 32)

    def begin(self, network: nn.Module) -> nn.Module | None:
        """Nothing learns beside."""
        return None

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, rows: IntArray, view: int) -> torch.Tensor:
        """Term of the batch."""
        (teacher,) = self._memory.of(view, rows)
        order = self._order
        apart = pixel_loss(
            outputs, teacher, targets, temperature=order.plan.distil_temperature, edge_weight=order.edge_weight
        )
        return order.weight * order.plan.distil_weight * apart

    def end(self) -> None:
        """Nothing was watched."""


def pixels(order: GuideOrder) -> Guide:
    """Per-pixel distillation with a boundary term."""
    return PixelGuide(order)
