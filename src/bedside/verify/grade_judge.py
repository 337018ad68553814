"""The judge of ordered classes: quadratic-weighted kappa decides, the rest is as in any classification."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.runtime.session import Session
from bedside.verify.classes import CLASSES, N_TUNING_RESAMPLES
from bedside.verify.clusters import n_distinct, unit_index
from bedside.verify.evidence import Evidence
from bedside.verify.grades import grade_scores, kappa_draws, kappa_with_draws, quadratic_kappa
from bedside.verify.intervals import N_RESAMPLES
from bedside.verify.judge import Answer, Truth
from bedside.verify.metrics import negative_log_likelihood, softmax
from bedside.verify.noninferiority import NonInferiority, judge_difference
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.parity import ParityReport
from bedside.verify.resampling import unit_weights

PRIMARY = "quadratic_kappa"


@dataclass(frozen=True, slots=True)
class GradeJudge:
    """Cases that are in one of several classes whose order means something."""

    metric: str = "quadratic kappa"

    def monitor(self, task: Task) -> Callable[[np.ndarray[Any, Any], FloatArray], float]:
        """Quadratic kappa of the most probable class; where it ties, the lower log-likelihood loss decides."""

        def score(grades: np.ndarray[Any, Any], outputs: FloatArray) -> float:
            value = quadratic_kappa(grades, outputs.argmax(axis=1), task.n_classes)
            return (0.0 if math.isnan(value) else value) - 1e-3 * negative_log_likelihood(grades, softmax(outputs))

        return score

    def lock(self, truth: Truth, outputs: FloatArray, *, target_sensitivity: float | None) -> OperatingPoint:
        """As in any classification: the temperature, and the most probable class."""
        return CLASSES.lock(truth, outputs, target_sensitivity=target_sensitivity)

    def parity(
        self, chain: Sequence[tuple[str, Session]], images: FloatArray, edges: FloatArray, point: OperatingPoint
    ) -> ParityReport:
        """Probability changes and flipped calls."""
        return CLASSES.parity(chain, images, edges, point)

    def tuning(
        self, truth: Truth, *, shipped: Answer, reference: Answer, margin: float, seed: int
    ) -> tuple[Estimate, NonInferiority]:
        """Kappa of the shipped file, and its paired comparison with the reference."""
        return self._judged(truth, shipped, reference, margin=margin, seed=seed, n_resamples=N_TUNING_RESAMPLES)

    def evaluate(
        self, truth: Truth, *, shipped: Answer, reference: Answer, own_fp32: FloatArray, margin: float, reason: str,
        seed: int,
    ) -> Evidence:  # fmt: skip
        """Every metric of a classification, those of ordered classes, and the verdict on kappa."""
        found = CLASSES.evaluate(
            truth, shipped=shipped, reference=reference, own_fp32=own_fp32, margin=margin, reason=reason, seed=seed
        )
        _, judged = self._judged(truth, shipped, reference, margin=margin, seed=seed, n_resamples=N_RESAMPLES)
        return replace(
            found,
            shipped=replace(found.shipped, more=_graded(truth, shipped)),
            reference=replace(found.reference, more=_graded(truth, reference)),
            non_inferiority=judged,
            primary=PRIMARY,
        )

    def _judged(
        self, truth: Truth, shipped: Answer, reference: Answer, *, margin: float, seed: int, n_resamples: int
    ) -> tuple[Estimate, NonInferiority]:
        index, n_grades = unit_index(truth.units, len(truth.targets)), truth.task.n_classes
        weights = unit_weights(index, len(index), n_resamples=n_resamples, seed=seed)
        own, other = (_calls(answer)[1] for answer in (shipped, reference))
        found, draws = kappa_with_draws(truth.targets, own, n_grades, weights, index)
        value = found.value - quadratic_kappa(truth.targets, other, n_grades)
        perfect = found.value == 1 and not value and not np.array_equal(shipped.outputs, reference.outputs)
        apart = draws - kappa_draws(truth.targets, other, n_grades, weights)
        judged = judge_difference(
            value, apart, margin=margin, n_patients=n_distinct(index), metric=self.metric,
            n_agreeing=n_distinct(index) if perfect else 0,
        )  # fmt: skip
        return found, judged


def _calls(answer: Answer) -> tuple[FloatArray, IntArray]:
    probabilities = answer.point.probabilities(answer.outputs)
    return probabilities, answer.point.calls(probabilities)


def _graded(truth: Truth, answer: Answer) -> dict[str, Estimate]:
    """Figures of ordered classes; accuracy stands among those of any classification."""
    probabilities, called = _calls(answer)
    index = unit_index(truth.units, len(truth.targets))
    found = grade_scores(truth.targets, probabilities, called, positive=truth.task.positive, index=index).metrics
    return {name: value for name, value in found.items() if name != "accuracy"}


GRADES = GradeJudge()
