"""What the reference standard says of cases, as one array: the form that losses and metrics compare outputs with."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bedside.base.arrays import IntArray
from bedside.base.seam import Seam
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.preprocess import Preprocess

Targets = np.ndarray[Any, Any]

TARGETS: Seam[Callable[[Sequence[Case], Task, Preprocess], Targets]] = Seam(
    "bedside.targets",
    {
        "classification": "bedside.data.targets:class_targets",
        "detection": "bedside.data.box_geometry:box_targets",
        "multilabel": "bedside.data.targets:mark_targets",
        "ordinal": "bedside.data.targets:class_targets",
        "segmentation": "bedside.data.label_masks:mask_targets",
    },
)
"""By kind of task."""


def targets_of(cases: Sequence[Case], task: Task, preprocess: Preprocess) -> Targets:
    """Targets ``(n, ...)`` of the cases, in the geometry of the model's input where they have one."""
    return TARGETS.get(task.kind)(cases, task, preprocess)


def class_targets(cases: Sequence[Case], task: Task, preprocess: Preprocess) -> Targets:
    """Labels, ``(n,)``."""
    return labels_of(cases)


def mark_targets(cases: Sequence[Case], task: Task, preprocess: Preprocess) -> Targets:
    """Marks, ``(n, K)``: 1 (there), 0 (not there) or -1 (unknown)."""
    return np.array([case.marks for case in cases], np.int64).reshape(len(cases), task.n_classes)


def labels_of(cases: Sequence[Case]) -> IntArray:
    """Labels, ``(n,)``."""
    return np.array([case.label for case in cases], np.int64)
