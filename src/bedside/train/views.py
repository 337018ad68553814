"""Cases in memory, and the augmented views of them that teacher and student share."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from bedside.base.arrays import ByteArray, FloatArray, IntArray
from bedside.base.task import TaskKind
from bedside.data.augment import AugmentDraw
from bedside.data.augment_volumes import VolumeDraw
from bedside.data.preprocess import Preprocess
from bedside.data.targets import Targets
from bedside.train.objective import OBJECTIVES, Objective
from bedside.train.plan import TrainPlan

VALUES_AT_ONCE = 2**21
"""Input values of volumes (or clips) in one batch without gradients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """Development and tuning cases in memory, ``(n, *spec.shape)`` uint8, with the targets of a task, ``(n, ...)``."""

    development: ByteArray
    development_targets: Targets
    tuning: ByteArray
    tuning_targets: Targets
    preprocess: Preprocess
    kind: TaskKind = "classification"

    @property
    def objective(self) -> Objective:
        """What a fit on these data minimises."""
        return OBJECTIVES.get(self.kind)


def draw_of(data: TrainingData, plan: TrainPlan, view: int) -> AugmentDraw | VolumeDraw:
    """The decisions of one view for every development case.

    Geometry and tone are the same for teacher and student, whatever the order; only the noise field differs.
    """
    rng, n = np.random.default_rng((plan.seed, view, 2)), len(data.development)
    depth, height, width = data.development.shape[-3:]
    if plan.augment_volumes is not None:
        return plan.augment_volumes.sample(rng, n, (depth, height, width))
    return plan.augment.sample(rng, n, height, width)


def view_of(data: TrainingData, plan: TrainPlan, view: int, rows: IntArray) -> torch.Tensor:
    """The augmented images of one view, ``(len(rows), *spec.shape)``."""
    return moved_cases(data, draw_of(data, plan, view).pick(rows), rows)


def moved_cases(data: TrainingData, moves: AugmentDraw | VolumeDraw, rows: IntArray) -> torch.Tensor:
    """Apply the decisions for `rows` to them.

    Frames of a clip are moved alike, as if they were channels of one image; a volume is moved as a whole.
    """
    cases = data.development[rows]
    if isinstance(moves, VolumeDraw):
        return as_batch(data.preprocess.normalize(moves(cases)))
    flat = cases.reshape(len(rows), -1, *cases.shape[-2:])
    return as_batch(data.preprocess.normalize(moves(flat).reshape(cases.shape)))


def as_batch(images: FloatArray) -> torch.Tensor:
    """Return a batch as a tensor: channels-last where it is ``(N, C, H, W)``."""
    tensor = torch.from_numpy(images)
    return tensor.to(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def at_once(shape: tuple[int, ...], most: int) -> int:
    """How many cases of a shape go through a network at once: of volumes fewer, so that memory stays as for images."""
    return most if len(shape) < 4 else max(1, min(most, VALUES_AT_ONCE // math.prod(shape)))
