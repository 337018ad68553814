"""Several processes fit one network: each takes its share of every batch, and gradients are averaged (PyTorch DDP).

Start them with ``torchrun --nproc-per-node 2 fit.py``: `bedside.train.fitting.fit` sees that it is not alone. The batch
of the plan is that of all processes together, so that the result is that of one process up to rounding, save for the
noise field of the augmentation, which is drawn over the rows of a share; and where a network has batch normalization,
its statistics are those of each share, averaged (SyncBatchNorm has no CPU kernel).

Li et al., "PyTorch Distributed: Experiences on Accelerating Data Parallel Training", VLDB 2020.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import distributed, nn

from bedside.base.arrays import IntArray
from bedside.base.errors import InputError
from bedside.train.exits import answers_of

_LEAST = 2
"""Cases of a share: batch normalization needs two."""


class _Answering(nn.Module):
    """Calls a network for all of its heads: DDP watches `forward` only."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the outputs of every head."""
        return answers_of(self.model, images)


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of how many processes this one is; alone, every verb leaves things as they are."""

    rank: int = 0
    n_ranks: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes checkpoints and says ticks."""
        return self.rank == 0

    def share(self, rows: IntArray) -> tuple[IntArray, float]:
        """Return this process's rows of a batch, and the weight of their mean loss in the batch's.

        A batch that is too small to be shared is computed by every process.
        """
        if self.n_ranks == 1 or len(rows) < _LEAST * self.n_ranks:
            return rows, 1.0
        mine = rows[self.rank :: self.n_ranks]
        return mine, len(mine) * self.n_ranks / len(rows)

    def answering(self, model: nn.Module) -> "Callable[[torch.Tensor], tuple[torch.Tensor, ...]]":
        """Return what answers a batch (see `answers_of`) and averages gradients when it is differentiated.

        It is made anew whenever layers freeze or thaw.
        """
        if self.n_ranks == 1:
            return partial(answers_of, model)
        # A layer without a gradient in this pass (an auxiliary head, a stochastic depth) must not stop the others.
        return nn.parallel.DistributedDataParallel(
            _Answering(model), broadcast_buffers=False, find_unused_parameters=True
        )

    @torch.no_grad()
    def agree(self, model: nn.Module) -> None:
        """Give every process the weights and buffers of the first."""
        if self.n_ranks > 1:
            for value in model.state_dict().values():
                held = value.contiguous()
                distributed.broadcast(held, src=0)
                value.copy_(held)

    @torch.no_grad()
    def average_buffers(self, model: nn.Module) -> None:
        """Average running statistics, so that every process goes on with the same."""
        if self.n_ranks == 1:
            return
        buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        if not buffers:
            return
        flat = torch.cat([buffer.reshape(-1) for buffer in buffers])
        distributed.all_reduce(flat)
        parts = (flat / self.n_ranks).split([buffer.numel() for buffer in buffers])
        for buffer, part in zip(buffers, parts, strict=True):
            buffer.copy_(part.view_as(buffer))

    def total(self, value: float) -> float:
        """Sum a number over the processes."""
        if self.n_ranks == 1:
            return value
        held = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(held)
        return float(held)

    def first_says(self, find: Callable[[], float]) -> float:
        """Let the first process find a number, and tell it to all: decisions that follow from it are then the same."""
        held = torch.tensor(find() if self.is_first else 0.0, dtype=torch.float64)
        if self.n_ranks > 1:
            distributed.broadcast(held, src=0)
        return float(held)

    def check_epoch(self, epoch: int) -> None:
        """Refuse to go on from checkpoints that differ.

        Raises
        ------
        InputError
            If this process found another epoch than the first one did.
        """
        first = self.first_says(lambda: float(epoch))
        if self.total(float(first != epoch)):
            raise InputError(
                f"process {self.rank} begins at epoch {epoch}, the first process at {first:.0f}",
                expected="one checkpoint that every process reads",
                hint="put the run on a file system that all share, or delete its .ckpt files",
            )


def join_ranks(batch_size: int) -> Ranks:
    """Join the other processes, where a launcher has started some (``WORLD_SIZE``); over gloo, as there may be no GPU.

    Raises
    ------
    InputError
        If the launcher left out where the processes meet, or there are too many for a batch.
    """
    n_ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if n_ranks == 1:
        return Ranks()
    if n_ranks * _LEAST > batch_size:
        raise InputError(
            f"{n_ranks} processes share batches of {batch_size}", expected=f"at most {batch_size // _LEAST} processes",
            hint="start fewer, or raise batch_size",
        )  # fmt: skip
    if not distributed.is_initialized():
        try:
            distributed.init_process_group("gloo")
        except ValueError as error:
            raise InputError(
                f"WORLD_SIZE is {n_ranks}, but the processes cannot meet: {error}",
                expected="RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT", hint="start them with torchrun",
            ) from error  # fmt: skip
    return Ranks(distributed.get_rank(), distributed.get_world_size())
