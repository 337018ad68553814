"""Fit one network: augmentation, distillation, averaged weights, early stopping on the tuning score."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bedside.base.arrays import ByteArray, FloatArray, IntArray
from bedside.base.task import TaskKind
from bedside.data.augment import AugmentDraw
from bedside.data.augment_volumes import VolumeDraw
from bedside.data.preprocess import Preprocess
from bedside.data.targets import Targets
from bedside.train.checkpoint import load_checkpoint, save_checkpoint
from bedside.train.exits import joint_loss
from bedside.train.hardening import Hardening, harden
from bedside.train.objective import OBJECTIVES, Objective
from bedside.train.parallel import Ranks, join_ranks
from bedside.train.plan import EpochMark, TrainPlan
from bedside.train.unfreezing import freeze, parameter_groups, thaw

VALUES_AT_ONCE = 2**21
"""Input values of volumes (or clips) in one batch without gradients."""

SMOOTH_EPOCHS = 5
"""Epochs whose tuning scores are averaged before they are compared."""

Monitor = Callable[[Targets, FloatArray], float]
"""Targets ``(n, ...)`` and outputs ``(n, K, ...)`` to a score; higher is better."""


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


@dataclass(slots=True)
class _State:
    """Everything that changes while fitting; this is what a checkpoint holds."""

    model: nn.Module
    averaged: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    best_score: float = -math.inf
    best_epoch: int = -1
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    history: list[EpochMark] = field(default_factory=list)


def fit(
    model: nn.Module,
    plan: TrainPlan,
    data: TrainingData,
    *,
    monitor: Monitor,
    teacher_logits: FloatArray | None = None,
    hardening: Hardening | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochMark], None] = lambda mark: None,
) -> tuple[nn.Module, tuple[EpochMark, ...]]:
    """Fit `model` in place and return it, in evaluation mode, with the weights of its best epoch.

    Parameters
    ----------
    teacher_logits
        ``(n_views, n, K)``: the teacher's answers to the shared views, from `teach`.
    hardening
        Adversarial training; without it not a bit of the result changes.
    checkpoint
        File that holds the state after each epoch, so that a killed fit goes on where it was.

    Notes
    -----
    Processes that a launcher has started together share every batch; see `bedside.train.parallel`.
    """
    torch.set_num_threads(plan.threads)
    ranks = join_ranks(plan.batch_size)
    state = _begin(model, plan, checkpoint, ranks)
    while state.epoch < plan.n_epochs and state.epoch - state.best_epoch <= plan.patience:
        loss = _run_epoch(state, plan, data, teacher_logits, hardening, ranks)
        score = ranks.first_says(
            lambda: float(monitor(data.tuning_targets, logits_of(state.averaged, data.tuning, data.preprocess)))
        )
        mark = EpochMark(state.epoch, loss, score)
        _keep_best(state, mark)
        state.epoch += 1
        if checkpoint is not None and ranks.is_first:
            save_checkpoint(checkpoint, state)
        if ranks.is_first:
            on_epoch(mark)
    model.load_state_dict(state.best_weights)
    thaw(model, plan)
    return model.eval(), tuple(state.history)


def _begin(model: nn.Module, plan: TrainPlan, checkpoint: Path | None, ranks: Ranks) -> _State:
    from copy import deepcopy

    if all(p.ndim < 5 for p in model.parameters()):
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ranks.agree(model)
    optimizer = torch.optim.AdamW(parameter_groups(model, plan), lr=plan.learning_rate)
    state = _State(model=model, averaged=deepcopy(model).eval(), optimizer=optimizer)
    if checkpoint is not None:
        load_checkpoint(checkpoint, state)
    ranks.check_epoch(state.epoch)
    return state


def _keep_best(state: _State, mark: EpochMark) -> None:
    """Keep the weights of the best epoch by the mean of the last few scores: small tuning parts make one score jump."""
    state.history.append(mark)
    recent = [past.tuning_score for past in state.history[-SMOOTH_EPOCHS:]]
    score = sum(recent) / len(recent)
    if score > state.best_score:
        state.best_score, state.best_epoch = score, mark.epoch
        state.best_weights = {key: value.clone() for key, value in state.averaged.state_dict().items()}


def _run_epoch(
    state: _State, plan: TrainPlan, data: TrainingData, teacher_logits: FloatArray | None, hardening: Hardening | None,
    ranks: Ranks,
) -> float:  # fmt: skip
    torch.manual_seed(plan.seed * 100_003 + state.epoch + ranks.rank * 1_000_003)
    view = state.epoch % plan.n_views
    order = np.random.default_rng((plan.seed, state.epoch, 1)).permutation(len(data.development))
    n_steps = math.ceil(len(order) / plan.batch_size)
    total, objective, draw = 0.0, data.objective, draw_of(data, plan, view)
    state.model.train()
    freeze(state.model, plan, state.epoch)
    answering = ranks.answering(state.model)
    for step, batch in enumerate(_batches(order, plan)):
        rows, weight = ranks.share(batch)
        _set_learning_rate(state.optimizer, plan, (state.epoch + step / n_steps) / plan.n_epochs)
        moves = draw.pick(rows)
        images = _moved(data, moves, rows)
        labels = torch.from_numpy(objective.moved(data.development_targets[rows], moves))
        if hardening is not None:
            seed = (plan.seed * 100_003 + state.epoch) * n_steps + step
            images = harden(state.model, images, labels, data.preprocess, hardening, seed=seed)
        answers = answering(images)
        teacher = None if teacher_logits is None else torch.from_numpy(teacher_logits[view, rows])
        loss = joint_loss(answers, partial(objective.loss, targets=labels, teacher=teacher, plan=plan))
        state.optimizer.zero_grad(set_to_none=True)
        (loss * weight).backward()
        nn.utils.clip_grad_norm_(state.model.parameters(), 2.0)
        state.optimizer.step()
        ranks.average_buffers(state.model)
        _average(state, plan, state.epoch * n_steps + step)
        total += float(loss.detach()) * weight * len(batch) / ranks.n_ranks
    return ranks.total(total) / len(order)


def _batches(order: IntArray, plan: TrainPlan) -> Iterator[IntArray]:
    for start in range(0, len(order), plan.batch_size):
        rows = order[start : start + plan.batch_size]
        if len(rows) >= 2:
            yield rows


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
    return _moved(data, draw_of(data, plan, view).pick(rows), rows)


def _moved(data: TrainingData, moves: AugmentDraw | VolumeDraw, rows: IntArray) -> torch.Tensor:
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


def _set_learning_rate(optimizer: torch.optim.Optimizer, plan: TrainPlan, progress: float) -> None:
    """Linear warm-up, then a cosine to zero (Loshchilov & Hutter, ICLR 2017)."""
    if progress < plan.warmup_frac:
        factor = max(progress / plan.warmup_frac, 0.01)
    else:
        factor = 0.5 * (1 + math.cos(math.pi * (progress - plan.warmup_frac) / (1 - plan.warmup_frac)))
    for group in optimizer.param_groups:
        group["lr"] = plan.learning_rate * factor * group.get("rate_scale", 1.0)


@torch.no_grad()
def _average(state: _State, plan: TrainPlan, step: int) -> None:
    decay = min(plan.ema_decay, (1 + step) / (10 + step))
    for mean, now in zip(state.averaged.state_dict().values(), state.model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(now, 1 - decay)
        else:
            mean.copy_(now)


def at_once(shape: tuple[int, ...], most: int) -> int:
    """How many cases of a shape go through a network at once: of volumes fewer, so that memory stays as for images."""
    return most if len(shape) < 4 else max(1, min(most, VALUES_AT_ONCE // math.prod(shape)))


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
