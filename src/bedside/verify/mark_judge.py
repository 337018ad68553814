"""The judge of findings that may be there together: macro AUROC, thresholds and flips finding by finding."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.runtime.session import Session
from bedside.verify.clusters import independent_pairs, n_distinct, unit_index
from bedside.verify.intervals import N_RESAMPLES
from bedside.verify.judge import Answer, Truth
from bedside.verify.mark_evidence import MarkScores, evidence_of, scores_of
from bedside.verify.mark_points import lock_marks, mark_loss
from bedside.verify.marks import macro_figure, macro_mark_estimate, mark_draws, rarest_of
from bedside.verify.measured import MeasuredEvidence
from bedside.verify.noninferiority import NonInferiority, judge_difference
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.parity import ParityReport, check_parity
from bedside.verify.resampling import Weights, unit_weights

N_TUNING_RESAMPLES = 500
MAX_FINDING_FLIPS_FRAC = 0.05
"""Largest share of real images in which the call of any one finding may change; one image may always.

More than the 2 % of a single question: the worst of many findings is looked at, and thresholds of rare findings lie
where many scores do.
"""


def worst_finding(before: IntArray, now: IntArray) -> float:
    """Share of cases whose call differs, ``(n, K)`` each, of the finding with the most."""
    return float((before != now).mean(axis=0).max())


@dataclass(frozen=True, slots=True)
class MarkJudge:
    """Cases that may have any number of findings; a finding of which nobody knows is left out of that case."""

    metric: str = "macro AUROC"

    def monitor(self, task: Task) -> Callable[[np.ndarray[Any, Any], FloatArray], float]:
        """Mean AUROC of the findings that tuning can rank; where it ties, the lower loss decides."""

        def score(marks: np.ndarray[Any, Any], outputs: FloatArray) -> float:
            area, loss = macro_figure(marks, outputs), mark_loss(marks, outputs)
            return (0.0 if math.isnan(area) else area) - 1e-3 * (0.0 if math.isnan(loss) else loss)

        return score

    def lock(self, truth: Truth, outputs: FloatArray, *, target_sensitivity: float | None) -> OperatingPoint:
        """A probability (Platt) and a threshold for each finding."""
        found = lock_marks(truth.targets, outputs, truth.task.classes, target_sensitivity=target_sensitivity)
        return OperatingPoint(
            temperature=1.0,
            threshold_prob=None,
            positive=truth.task.positive,
            rule=found.rule,
            link="sigmoid",
            thresholds_prob=found.thresholds_prob,
            slopes=tuple(platt.slope for platt in found.platts),
            offsets=tuple(platt.offset for platt in found.platts),
        )

    def parity(
        self, chain: Sequence[tuple[str, Session]], images: FloatArray, edges: FloatArray, point: OperatingPoint
    ) -> ParityReport:
        """Probability changes, and flips of the finding that flips most."""
        return check_parity(chain, images, edges, point, max_flips_frac=MAX_FINDING_FLIPS_FRAC, flips=worst_finding)

    def tuning(
        self, truth: Truth, *, shipped: Answer, reference: Answer, margin: float, seed: int
    ) -> tuple[Estimate, NonInferiority]:
        """Macro AUROC of the shipped file, and its paired comparison with the reference."""
        index = unit_index(truth.units, len(truth.targets))
        weights = unit_weights(index, len(index), n_resamples=N_TUNING_RESAMPLES, seed=seed)
        own, other = (answer.point.probabilities(answer.outputs) for answer in (shipped, reference))
        found = macro_mark_estimate("auroc", truth.targets, own, mark_draws(truth.targets, own, weights), index)
        return found, self._compared(truth.targets, own, other, weights, margin, index)

    def _compared(
        self, marks: IntArray, own: FloatArray, other: FloatArray, weights: Weights, margin: float, index: IntArray
    ) -> NonInferiority:
        n_units = n_distinct(index)
        areas = macro_figure(marks, own), macro_figure(marks, other)
        value, perfect = areas[0] - areas[1], areas == (1.0, 1.0) and not np.array_equal(own, other)
        drawn = np.full(len(weights), math.nan)
        if not math.isnan(value):
            drawn = mark_draws(marks, own, weights).macro("auroc") - mark_draws(marks, other, weights).macro("auroc")
        return judge_difference(
            value, drawn, margin=margin, n_patients=n_units, metric=self.metric,
            n_agreeing=independent_pairs(rarest_of(marks, index), n_units) if perfect else 0,
        )  # fmt: skip

    def evaluate(
        self, truth: Truth, *, shipped: Answer, reference: Answer, own_fp32: FloatArray, margin: float, reason: str,
        seed: int,
    ) -> MeasuredEvidence:  # fmt: skip
        """Every finding of both models, with the verdict on the macro AUROC and tests corrected over findings."""
        index = unit_index(truth.units, len(truth.targets))
        weights = unit_weights(index, len(index), n_resamples=N_RESAMPLES, seed=seed)
        own, other = (
            MarkScores(probabilities=p, calls=answer.point.calls(p))
            for answer in (shipped, reference)
            for p in (answer.point.probabilities(answer.outputs),)
        )
        fp32_calls = shipped.point.calls(shipped.point.probabilities(own_fp32))
        judged = self._compared(truth.targets, own.probabilities, other.probabilities, weights, margin, index)
        values = [scores_of(truth, scores, index, weights) for scores in (own, other)]
        return evidence_of(
            truth, own, other, values=values, flipped=own.calls != fp32_calls, judged=judged, index=index,
            reason=reason, seed=seed,
        )  # fmt: skip


MARKS = MarkJudge()
