"""One judge a kind of task: what is locked on tuning, what parity means, and which figures count."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.estimate import Estimate
from bedside.base.seam import Seam
from bedside.base.task import Task
from bedside.runtime.session import Session
from bedside.verify.evidence import Evidence
from bedside.verify.measured import MeasuredEvidence
from bedside.verify.noninferiority import NonInferiority
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.parity import ParityReport

AnyEvidence = Evidence | MeasuredEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the reference standard says of some cases.

    Parameters
    ----------
    targets
        ``(n, ...)``, from `bedside.data.targets.targets_of`.
    units
        Unit of independence (patient or group) of each case.
    spacing_mm
        Spacing of the model's own grid for each case, one number an axis; None where it is not known.
    """

    task: Task
    targets: np.ndarray[Any, Any] = field(repr=False)
    units: tuple[str, ...] = field(repr=False)
    spacing_mm: tuple[tuple[float, ...] | None, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Outputs of a model, ``(n, K, ...)``, and the operating point that was locked on its tuning outputs."""

    outputs: FloatArray = field(repr=False)
    point: OperatingPoint


class Judge(Protocol):
    """What the hall asks about the answers to one kind of task; arrays only, no framework."""

    metric: str

    def monitor(self, task: Task) -> Callable[[np.ndarray[Any, Any], FloatArray], float]:
        """Return the tuning score of targets and outputs; higher is better."""
        ...

    def lock(self, truth: Truth, outputs: FloatArray, *, target_sensitivity: float | None) -> OperatingPoint:
        """Choose temperature and threshold on tuning outputs."""
        ...

    def parity(
        self, chain: Sequence[tuple[str, Session]], images: FloatArray, edges: FloatArray, point: OperatingPoint
    ) -> ParityReport:
        """Compare each stage of an export with the one before, on real images and edge cases."""
        ...

    def tuning(
        self, truth: Truth, *, shipped: Answer, reference: Answer, margin: float, seed: int
    ) -> tuple[Estimate, NonInferiority]:
        """Score a trial on tuning data, and judge it against the reference."""
        ...

    def evaluate(
        self, truth: Truth, *, shipped: Answer, reference: Answer, own_fp32: FloatArray, margin: float, reason: str,
        seed: int,
    ) -> AnyEvidence:  # fmt: skip
        """Judge the shipped file on the opened test; `own_fp32` are outputs of its own fp32 file."""
        ...


JUDGES: Seam[Judge] = Seam(
    "bedside.judges",
    {
        "classification": "bedside.verify.classes:CLASSES",
        "detection": "bedside.verify.box_judge:BOXES",
        "multilabel": "bedside.verify.mark_judge:MARKS",
        "ordinal": "bedside.verify.grade_judge:GRADES",
        "segmentation": "bedside.verify.outlines:OUTLINES",
    },
)
"""By kind of task."""


def judge_of(task: Task) -> Judge:
    """Return the judge of a task."""
    return JUDGES.get(task.kind)
