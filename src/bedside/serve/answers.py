"""Outputs become predictions: one way a kind of task."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.seam import Seam
from bedside.base.task import Task
from bedside.data.preprocess import Preprocess
from bedside.serve.prediction import NOTHING, REFER, Prediction
from bedside.verify.operating_point import OperatingPoint


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case that has been run: as it was read, as the model sees it, and the outputs, ``(1, K, ...)``."""

    file: str
    raw: ByteArray
    placed: ByteArray
    logits: FloatArray
    spacing_mm: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Cases that wait for their predictions; `refers` says of each why it is referred, or nothing."""

    task: Task
    point: OperatingPoint
    items: tuple[Waiting, ...] = field(repr=False)
    refers: tuple[str, ...]
    preprocess: Preprocess


ANSWERS: Seam[Callable[[Block], list[Prediction]]] = Seam(
    "bedside.answers",
    {
        "classification": "bedside.serve.answers:class_answers",
        "detection": "bedside.serve.box_answers:box_answers",
        "multilabel": "bedside.serve.answers:finding_answers",
        "ordinal": "bedside.serve.answers:class_answers",
        "segmentation": "bedside.serve.outline_answers:outline_answers",
    },
)
"""By kind of task."""


def class_answers(block: Block) -> list[Prediction]:
    """The class called at the locked operating point."""
    task, point = block.task, block.point
    probabilities = point.probabilities(np.concatenate([item.logits for item in block.items]))
    calls = point.calls(probabilities).tolist()
    return [
        Prediction(
            file=item.file,
            called=REFER if refer else task.classes[call],
            is_positive=None if refer else call == task.positive,
            probabilities=tuple(row),
            classes=task.classes,
            positive=task.positive_name,
            threshold_prob=point.threshold_prob,
            refer=refer,
        )
        for item, row, call, refer in zip(block.items, probabilities.tolist(), calls, block.refers, strict=True)
    ]


def finding_answers(block: Block) -> list[Prediction]:
    """Every finding with its probability; those at or above their own locked thresholds are called."""
    task, point = block.task, block.point
    probabilities = point.probabilities(np.concatenate([item.logits for item in block.items]))
    calls = point.calls(probabilities)
    found = []
    for item, row, called, refer in zip(block.items, probabilities.tolist(), calls, block.refers, strict=True):
        marks = () if refer else tuple(task.classes[k] for k in np.flatnonzero(called))
        found.append(
            Prediction(
                file=item.file,
                called=REFER if refer else ", ".join(marks) or NOTHING,
                is_positive=None if refer else bool(marks),
                probabilities=tuple(row),
                classes=task.classes,
                positive=task.positive_name,
                threshold_prob=None,
                refer=refer,
                marks=marks,
                thresholds_prob=point.thresholds_prob,
            )
        )
    return found
