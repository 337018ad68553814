"""The judge of segmentation: mean Dice, a threshold locked on it, and what of a mask an export may change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.runtime.session import Session
from bedside.verify.judge import Answer, Truth
from bedside.verify.measured import MeasuredEvidence
from bedside.verify.noninferiority import NonInferiority, judge_difference
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.outline_evidence import measured
from bedside.verify.outline_parity import check_map_parity
from bedside.verify.outline_point import called_maps, lock_outlines
from bedside.verify.overlap import class_tables, dice_of
from bedside.verify.parity import ParityReport
from bedside.verify.resampling import unit_weights
from bedside.verify.segment_figures import case_mean, mean_over_cases

N_TUNING_RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class OutlineJudge:
    """Each pixel or voxel is in one class; the figure of a case is its Dice, averaged over the classes."""

    metric: str = "Dice"

    def monitor(self, task: Task) -> Callable[[np.ndarray[Any, Any], FloatArray], float]:
        """Mean Dice of the most probable classes."""

        def score(masks: np.ndarray[Any, Any], outputs: FloatArray) -> float:
            tables = class_tables(masks, outputs.argmax(axis=1), task.n_classes)
            return float(case_mean(dice_of(tables)).mean())

        return score

    def lock(self, truth: Truth, outputs: FloatArray, *, target_sensitivity: float | None) -> OperatingPoint:
        """Temperature of least loss over pixels; the threshold of the highest mean Dice or of the asked sensitivity."""
        return lock_outlines(truth.targets, outputs, truth.task, target_sensitivity=target_sensitivity)

    def parity(
        self, chain: Sequence[tuple[str, Session]], images: FloatArray, edges: FloatArray, point: OperatingPoint
    ) -> ParityReport:
        """Share of pixels whose call flips, and how far the masks of two stages overlap."""
        return check_map_parity(chain, images, edges, point)

    def tuning(
        self, truth: Truth, *, shipped: Answer, reference: Answer, margin: float, seed: int
    ) -> tuple[Estimate, NonInferiority]:
        """Mean Dice of the shipped file, and its paired comparison with the reference."""
        own, other = (self._dice(truth, answer) for answer in (shipped, reference))
        weights = unit_weights(truth.units, len(own), n_resamples=N_TUNING_RESAMPLES, seed=seed)
        n_units = len(set(truth.units))
        drawn = (weights @ (own - other)) / weights.sum(axis=1)
        judged = judge_difference(
            float((own - other).mean()), drawn, margin=margin, n_patients=n_units, metric=self.metric
        )
        return mean_over_cases(own, weights, n_units), judged

    def evaluate(
        self, truth: Truth, *, shipped: Answer, reference: Answer, own_fp32: FloatArray, margin: float, reason: str,
        seed: int,
    ) -> MeasuredEvidence:  # fmt: skip
        """Every figure of both, with the verdict on Dice."""
        return measured(
            truth, shipped=shipped, reference=reference, own_fp32=own_fp32, margin=margin, reason=reason, seed=seed
        )

    def _dice(self, truth: Truth, answer: Answer) -> FloatArray:
        called = called_maps(answer.outputs, answer.point)
        return case_mean(dice_of(class_tables(truth.targets, called, truth.task.n_classes)))


OUTLINES = OutlineJudge()
