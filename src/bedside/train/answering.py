"""What a network answers: to cases as they are, and, as a teacher, to every shared view."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import ShapeError
from bedside.base.task import TaskKind
from bedside.data.preprocess import Preprocess
from bedside.train.plan import TeacherAverage, TrainPlan
from bedside.train.views import TrainingData, as_batch, at_once, view_of


@torch.inference_mode()
def logits_of(model: nn.Module, images: ByteArray, preprocess: Preprocess, batch_size: int = 256) -> FloatArray:
    """Outputs ``(n, K, ...)`` of ``(n, *spec.shape)`` uint8 cases, without augmentation."""
    model.eval()
    batch_size = at_once(images.shape[1:], batch_size)
    parts = [
        model(as_batch(preprocess.normalize(images[i : i + batch_size]))).numpy()
        for i in range(0, len(images), batch_size)
    ]
    return np.concatenate(parts)


COARSE = 4
"""Cells of a map that a teacher's kept answer averages along each axis: whole maps of every view fill a disk."""


def coarse(outputs: torch.Tensor) -> torch.Tensor:
    """Average maps ``(N, K, H, W)`` or ``(N, K, D, H, W)`` over blocks, as float16; ``(N, K)`` stays as it is."""
    if outputs.ndim < 4:
        return outputs
    sides = [max(1, n // COARSE) for n in outputs.shape[2:]]
    pool = nn.functional.adaptive_avg_pool2d if outputs.ndim == 4 else nn.functional.adaptive_avg_pool3d
    return pool(outputs, sides).half()  # type: ignore[arg-type]


@torch.inference_mode()
def teach(
    teacher: nn.Module,
    plan: TrainPlan,
    data: TrainingData,
    *,
    on_view: Callable[[int], None] = lambda view: None,
    batch_size: int = 256,
) -> FloatArray:
    """The teacher's outputs for every shared view, ``(n_views, n, K, ...)``; maps are `coarse`."""
    torch.set_num_threads(plan.threads)
    teacher.eval()
    rows = np.arange(len(data.development))
    batch_size = at_once(data.development.shape[1:], batch_size)
    answers = []
    for view in range(plan.n_views):
        blocks = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
        found = [coarse(teacher(view_of(data, plan, view, block))).numpy() for block in blocks]
        answers.append(np.concatenate(found))
        on_view(view)
    return np.stack(answers)


def blended(answers: Sequence[FloatArray], average: TeacherAverage, kind: TaskKind) -> FloatArray:
    """Logits that stand for an ensemble of teachers: of the mean probability, or the mean of the logits.

    Parameters
    ----------
    answers
        Of each teacher ``(n_views, n, K, ...)``, in the same shape.
    kind
        Marks of a multi-label task are averaged one by one, classes through the softmax over axis 2.

    Raises
    ------
    ShapeError
        If there is none, or they differ in shape.
    """
    if not answers or any(answer.shape != answers[0].shape for answer in answers):
        raise ShapeError(
            f"answers of {len(answers)} teachers with shapes {sorted({answer.shape for answer in answers})}",
            expected="one shape, of one teacher at least", hint="let all answer the same views",
        )  # fmt: skip
    if len(answers) == 1:
        return answers[0]
    stacked = torch.from_numpy(np.stack(answers)).double()
    if average == "logits":
        mean = stacked.mean(0)
    elif kind == "multilabel":
        mean = torch.logsumexp(functional.logsigmoid(stacked), 0) - torch.logsumexp(functional.logsigmoid(-stacked), 0)
    else:
        mean = torch.logsumexp(functional.log_softmax(stacked, 3), 0) - math.log(len(answers))
    return mean.numpy().astype(answers[0].dtype)
