"""What a teacher's insides were for a view: computed once, kept while memory allows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from bedside.base.arrays import IntArray
from bedside.train.plan import TrainPlan
from bedside.train.views import TrainingData, at_once, view_of

MOST_BYTES = 768 * 2**20
"""Bytes of kept views; beyond it the view that was made first goes, and is computed again when its turn comes."""

Reader = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]
"""A batch of images to what shall be kept of the teacher, each ``(n, ...)``."""


class TeacherMemory:
    """Float16 arrays by view.

    A view is read whole and in one order, so that what is kept depends neither on the batches of the fit nor on whether
    it was interrupted.
    """

    def __init__(self, teacher: nn.Module, data: TrainingData, plan: TrainPlan, read: Reader, batch_size: int = 128):
        self._teacher, self._data, self._plan, self._read = teacher.eval(), data, plan, read
        self._batch_size = at_once(data.development.shape[1:], batch_size)
        self._views: dict[int, list[np.ndarray[Any, Any]]] = {}

    def of(self, view: int, rows: IntArray) -> list[torch.Tensor]:
        """What is kept of `rows` in a view, float32."""
        if view not in self._views:
            self._views[view] = self._make(view)
            while len(self._views) > 1 and self._n_bytes() > MOST_BYTES:
                self._views.pop(next(iter(self._views)))
        return [torch.from_numpy(array[rows]).float() for array in self._views[view]]

    @torch.no_grad()
    def _make(self, view: int) -> list[np.ndarray[Any, Any]]:
        rows = np.arange(len(self._data.development))
        blocks = [rows[i : i + self._batch_size] for i in range(0, len(rows), self._batch_size)]
        parts = [self._read(view_of(self._data, self._plan, view, block)) for block in blocks]
        return [torch.cat(column).half().numpy() for column in zip(*parts, strict=True)]

    def _n_bytes(self) -> int:
        return sum(array.nbytes for arrays in self._views.values() for array in arrays)
