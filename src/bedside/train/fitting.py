"""Fit one network: augmentation, distillation, averaged weights, early stopping on the tuning score."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.errors import InputError
from bedside.data.targets import Targets
from bedside.train.answering import COARSE, coarse, logits_of, teach
from bedside.train.checkpoint import load_checkpoint, save_checkpoint
from bedside.train.exits import joint_loss
from bedside.train.guide import Guide
from bedside.train.hardening import Hardening, harden
from bedside.train.parallel import Ranks, join_ranks
from bedside.train.plan import EpochMark, TrainPlan
from bedside.train.suiting import check_suits
from bedside.train.unfreezing import freeze, parameter_groups, thaw
from bedside.train.views import TrainingData, as_batch, at_once, draw_of, moved_cases, view_of

__all__ = [
    "COARSE",
    "Monitor",
    "TrainingData",
    "as_batch",
    "at_once",
    "coarse",
    "draw_of",
    "fit",
    "logits_of",
    "teach",
    "view_of",
]

SMOOTH_EPOCHS = 5
"""Epochs whose tuning scores are averaged before they are compared."""

Monitor = Callable[[Targets, FloatArray], float]
"""Targets ``(n, ...)`` and outputs ``(n, K, ...)`` to a score; higher is better."""


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
    beside: nn.Module | None = None
    """What a guide learns beside the network."""


def fit(
    model: nn.Module,
    plan: TrainPlan,
    data: TrainingData,
    *,
    monitor: Monitor,
    teacher_logits: FloatArray | None = None,
    guide: Guide | None = None,
    hardening: Hardening | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochMark], None] = lambda mark: None,
) -> tuple[nn.Module, tuple[EpochMark, ...]]:
    """Fit `model` in place and return it, in evaluation mode, with the weights of its best epoch.

    Parameters
    ----------
    teacher_logits
        ``(n_views, n, K)``: the teacher's answers to the shared views, from `teach`.
    guide
        One more term of the loss, from what happens inside the network; see `bedside.train.guide`.
    hardening
        Adversarial training; without it not a bit of the result changes.
    checkpoint
        File that holds the state after each epoch, so that a killed fit goes on where it was.

    Raises
    ------
    ShapeError
        If the network cannot answer the task; see `bedside.train.suiting`.

    Notes
    -----
    Processes that a launcher has started together share every batch; see `bedside.train.parallel`.
    """
    torch.set_num_threads(plan.threads)
    check_suits(model, data)
    ranks = join_ranks(plan.batch_size)
    if guide is not None and ranks.n_ranks > 1:
        raise InputError(
            f"{ranks.n_ranks} processes fit with a guide", expected="one process: a guide's own weights are not shared",
            hint="start one process, or distil by soft targets alone",
        )  # fmt: skip
    state = _begin(model, plan, checkpoint, guide, ranks)
    while state.epoch < plan.n_epochs and state.epoch - state.best_epoch <= plan.patience:
        loss = _run_epoch(state, plan, data, teacher_logits, hardening, guide, ranks)
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
    if guide is not None:
        guide.end()
    model.load_state_dict(state.best_weights)
    thaw(model, plan)
    return model.eval(), tuple(state.history)


def _begin(model: nn.Module, plan: TrainPlan, checkpoint: Path | None, guide: Guide | None, ranks: Ranks) -> _State:
    from copy import deepcopy

    if all(p.ndim < 5 for p in model.parameters()):
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ranks.agree(model)
    groups, averaged = parameter_groups(model, plan), deepcopy(model).eval()
    beside = None if guide is None else guide.begin(model)
    if beside is not None:
        groups.append({"params": list(beside.parameters()), "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, lr=plan.learning_rate)
    state = _State(model=model, averaged=averaged, optimizer=optimizer, beside=beside)
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
    guide: Guide | None, ranks: Ranks,
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
        images = moved_cases(data, moves, rows)
        labels = torch.from_numpy(objective.moved(data.development_targets[rows], moves))
        if hardening is not None:
            seed = (plan.seed * 100_003 + state.epoch) * n_steps + step
            images = harden(state.model, images, labels, data.preprocess, hardening, seed=seed)
        answers = answering(images)
        teacher = None if teacher_logits is None else torch.from_numpy(teacher_logits[view, rows])
        loss = joint_loss(answers, partial(objective.loss, targets=labels, teacher=teacher, plan=plan))
        if guide is not None:
            loss = loss + guide.loss(answers[0], labels, rows, view)
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
