"""Start weights from unlabelled images: two views of one image shall look alike, views of two images shall not.

SimCLR (Chen et al., ICML 2020), reduced to what a CPU can do: our own augmentation makes the views, the batch is the
set of negatives, and a two-layer projection is thrown away afterwards. Labels are never seen.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bedside.base.arrays import ByteArray
from bedside.base.errors import CohortError, InputError
from bedside.data.augment import Augment
from bedside.data.preprocess import Preprocess
from bedside.train.fitting import as_batch

VIEWS = Augment(
    rotate_deg=20, shift_frac=0.12, scale_frac=0.35, shear_frac=0.08, gain_frac=0.4, offset_frac=0.2, gamma_frac=0.6,
    noise_frac=0.05, erase_prob=0.3, erase_frac=0.4,
)  # fmt: skip
"""Views differ more than in a fit: both shall share the anatomy, not place, size, brightness or contrast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainPlan:
    """Settings of one pre-training.

    Parameters
    ----------
    temperature
        Of the softmax over similarities.
    n_projected
        Width of the projection in which views are compared.
    """

    n_epochs: int
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    temperature: float = 0.2
    n_projected: int = 64
    augment: Augment = field(default=VIEWS)
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.n_epochs, self.n_projected, self.threads) < 1 or self.batch_size < 4 or not self.temperature > 0:
            raise InputError(
                f"pre-training of {self.n_epochs} epochs in batches of {self.batch_size} at a temperature of "
                f"{self.temperature}",
                expected="an epoch or more, 4 images a batch or more, a temperature above 0",
            )


@dataclass(frozen=True, slots=True)
class PretrainMark:
    """What one epoch came to; with nothing learned the loss is ``log(2 batch_size - 1)``, in nats."""

    epoch: int
    loss: float


def pretrain(
    model: nn.Module,
    plan: PretrainPlan,
    images: ByteArray,
    preprocess: Preprocess,
    *,
    on_epoch: Callable[[PretrainMark], None] = lambda mark: None,
) -> tuple[nn.Module, tuple[PretrainMark, ...]]:
    """Pre-train all of `model` but its last linear layer, in place; returned in evaluation mode.

    Parameters
    ----------
    images
        ``(n, C, H, W)`` uint8; of the development part only, so that a later test stays unseen.

    Raises
    ------
    CohortError
        With fewer than 8 images: a batch needs others to tell an image from.
    InputError
        If the network has no linear layer to set aside.
    """
    if len(images) < 8:
        raise CohortError(
            f"{len(images)} images are too few to pre-train on", expected="8 or more", hint="add unlabelled images"
        )
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    home, name = _last_linear(model)
    head: nn.Linear = getattr(home, name)
    setattr(home, name, nn.Identity())
    n = head.in_features
    projection = nn.Sequential(
        nn.BatchNorm1d(n), nn.Linear(n, n, bias=False), nn.BatchNorm1d(n), nn.ReLU(), nn.Linear(n, plan.n_projected)
    )
    try:
        marks = _run(nn.Sequential(model, projection), plan, images, preprocess, on_epoch)
    finally:
        setattr(home, name, head)
    return model.eval(), marks


def _run(
    network: nn.Module,
    plan: PretrainPlan,
    images: ByteArray,
    preprocess: Preprocess,
    on_epoch: Callable[[PretrainMark], None],
) -> tuple[PretrainMark, ...]:
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    size = min(plan.batch_size, len(images))
    n_steps = len(images) // size
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=plan.n_epochs * n_steps, pct_start=0.1
    )
    marks: list[PretrainMark] = []
    network.train()
    for epoch in range(plan.n_epochs):
        rng = np.random.default_rng((plan.seed, epoch))
        order, total = rng.permutation(len(images)), 0.0
        for step in range(n_steps):
            rows = order[step * size : (step + 1) * size]
            views = torch.cat([_view(images[rows], plan.augment, preprocess, rng) for _ in range(2)])
            loss = contrast(network(views), plan.temperature)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        marks.append(PretrainMark(epoch, total / n_steps))
        on_epoch(marks[-1])
    return tuple(marks)


def contrast(projected: torch.Tensor, temperature: float) -> torch.Tensor:
    """Normalized temperature-scaled cross-entropy (NT-Xent) of ``(2 n, d)``: row ``i`` and row ``n + i`` are a pair.

    Examples
    --------
    >>> float(contrast(torch.eye(4)[[0, 1, 0, 1]], 0.01))
    0.0
    """
    unit = functional.normalize(projected, dim=1)
    similarity = unit @ unit.T / temperature
    similarity.fill_diagonal_(-math.inf)
    n = len(projected) // 2
    partner = torch.arange(2 * n).roll(n)
    return functional.cross_entropy(similarity, partner)


def _view(images: ByteArray, augment: Augment, preprocess: Preprocess, rng: np.random.Generator) -> torch.Tensor:
    height, width = images.shape[2:]
    return as_batch(preprocess.normalize(augment.sample(rng, len(images), height, width)(images)))


def _last_linear(model: nn.Module) -> tuple[nn.Module, str]:
    """Return the module that holds the last linear layer, and the layer's name in it."""
    names = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    if not names:
        raise InputError(
            "the network has no linear layer", expected="a classifier that ends in one", hint="choose another network"
        )
    where, _, name = names[-1].rpartition(".")
    return model.get_submodule(where), name
