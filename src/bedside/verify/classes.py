"""The judge of classification: AUROC, calls at a locked threshold, flips of calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.runtime.session import Session
from bedside.verify.clusters import n_distinct, unit_index
from bedside.verify.evidence import Evidence, evaluate
from bedside.verify.intervals import resamples
from bedside.verify.judge import Answer, Truth
from bedside.verify.metrics import negative_log_likelihood, softmax
from bedside.verify.noninferiority import NonInferiority, auroc_of, compare_aurocs
from bedside.verify.operating_point import OperatingPoint, lock_operating_point
from bedside.verify.parity import ParityReport, check_parity
from bedside.verify.resampling import weights_of
from bedside.verify.score import class_auroc

N_TUNING_RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class ClassJudge:
    """Cases that are in one class each."""

    metric: str = "AUROC"

    def monitor(self, task: Task) -> Callable[[np.ndarray[Any, Any], FloatArray], float]:
        """AUROC; where it ties (small tuning parts saturate), the lower log-likelihood loss decides."""

        def score(labels: np.ndarray[Any, Any], outputs: FloatArray) -> float:
            probabilities = softmax(outputs)
            return auroc_of(task, labels, probabilities) - 1e-3 * negative_log_likelihood(labels, probabilities)

        return score

    def lock(self, truth: Truth, outputs: FloatArray, *, target_sensitivity: float | None) -> OperatingPoint:
        """Temperature of least loss; threshold by Youden's index or the asked sensitivity."""
        return lock_operating_point(truth.targets, outputs, truth.task, target_sensitivity=target_sensitivity)

    def parity(
        self, chain: Sequence[tuple[str, Session]], images: FloatArray, edges: FloatArray, point: OperatingPoint
    ) -> ParityReport:
        """Probability changes and flipped calls."""
        return check_parity(chain, images, edges, point)

    def tuning(
        self, truth: Truth, *, shipped: Answer, reference: Answer, margin: float, seed: int
    ) -> tuple[Estimate, NonInferiority]:
        """AUROC of the shipped file with the interval of the evidence, and its paired comparison with the reference."""
        draws = resamples(truth.units, n_resamples=N_TUNING_RESAMPLES, seed=seed)
        task, labels, index = truth.task, truth.targets, unit_index(truth.units, len(truth.targets))
        own, other = (answer.point.probabilities(answer.outputs) for answer in (shipped, reference))
        judged = compare_aurocs(
            task, labels, own, other, margin=margin, draws=draws, n_patients=n_distinct(index), units=index
        )
        return class_auroc(task, labels, own, index, weights_of(draws, len(labels))), judged

    def evaluate(
        self, truth: Truth, *, shipped: Answer, reference: Answer, own_fp32: FloatArray, margin: float, reason: str,
        seed: int,
    ) -> Evidence:  # fmt: skip
        """Every metric of both, with the verdicts."""
        return evaluate(
            truth.task, truth.targets, truth.units,
            shipped=(shipped.outputs, shipped.point), reference=(reference.outputs, reference.point),
            own_fp32=own_fp32, margin=margin, reason=reason, seed=seed,
        )  # fmt: skip


CLASSES = ClassJudge()
