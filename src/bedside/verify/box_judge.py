"""The judge of detection: AP50, free-response figures, detections at a locked threshold of each class."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import CohortError
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.runtime.session import Session
from bedside.verify.average_precision_boxes import box_precision, class_precisions, known_mean, mean_precision
from bedside.verify.box_evidence import box_evidence
from bedside.verify.box_matching import Matches, match
from bedside.verify.box_parity import check_box_parity
from bedside.verify.detecting import detect
from bedside.verify.froc import best_f1_threshold, sensitive_threshold
from bedside.verify.judge import Answer, Truth
from bedside.verify.measured import MeasuredEvidence
from bedside.verify.noninferiority import NonInferiority, judge_difference
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.parity import ParityReport
from bedside.verify.resampling import unit_weights

AP50 = (0.5,)
_N_TUNING_RESAMPLES = 500


def matched(outputs: FloatArray, truth: Truth, *, temperature: float = 1.0) -> Matches:
    """Detections of all images beside the objects of the truth."""
    return match(detect(outputs, temperature=temperature), truth.targets, truth.task.n_classes)


@dataclass(frozen=True, slots=True)
class BoxJudge:
    """Images in which any number of objects lie; outputs are maps, see `bedside.runtime.box_maps`."""

    metric: str = "AP50"

    def monitor(self, task: Task) -> Callable[[np.ndarray[Any, Any], FloatArray], float]:
        """AP50, and a little of the stricter AP, which still grows where AP50 is full."""

        def score(targets: np.ndarray[Any, Any], outputs: FloatArray) -> float:
            found = match(detect(outputs), targets, task.n_classes, levels=(0.5, 0.75))
            return float(np.nan_to_num(mean_precision(found, (0.5,)) + 0.1 * mean_precision(found, (0.75,))))

        return score

    def lock(self, truth: Truth, outputs: FloatArray, *, target_sensitivity: float | None) -> OperatingPoint:
        """A threshold for each class: the largest F1, or the highest that reaches the asked sensitivity.

        Raises
        ------
        CohortError
            If the tuning part has no object at all.
        """
        found, task = matched(outputs, truth), truth.task
        if not found.n_objects.sum():
            raise CohortError(
                "the tuning part has no object to lock a threshold on", expected="objects", hint="add some to it"
            )
        if target_sensitivity is None:
            thresholds = tuple(best_f1_threshold(found, k) for k in range(task.n_classes))
            rule = "largest F1 of each class on tuning, at an IoU of 0.5"
        else:
            thresholds = tuple(sensitive_threshold(found, k, target_sensitivity) for k in range(task.n_classes))
            rule = f"sensitivity of at least {target_sensitivity:g} for each class on tuning, at an IoU of 0.5"
        return OperatingPoint(
            temperature=1.0, threshold_prob=thresholds[task.positive], positive=task.positive, rule=rule,
            link="sigmoid", thresholds_prob=thresholds,
        )  # fmt: skip

    def parity(
        self, chain: Sequence[tuple[str, Session]], images: FloatArray, edges: FloatArray, point: OperatingPoint
    ) -> ParityReport:
        """Changes of matched detections, and those that come or go."""
        return check_box_parity(chain, images, edges, point)

    def tuning(
        self, truth: Truth, *, shipped: Answer, reference: Answer, margin: float, seed: int
    ) -> tuple[Estimate, NonInferiority]:
        """AP50 of the shipped file, and its paired comparison with the reference."""
        own, other = (matched(answer.outputs, truth) for answer in (shipped, reference))
        found = box_precision(own, AP50, truth.units, n_resamples=_N_TUNING_RESAMPLES, seed=seed).mean
        return found, compare_precision(own, other, truth.units, margin=margin, n=_N_TUNING_RESAMPLES, seed=seed)

    def evaluate(
        self, truth: Truth, *, shipped: Answer, reference: Answer, own_fp32: FloatArray, margin: float, reason: str,
        seed: int,
    ) -> MeasuredEvidence:  # fmt: skip
        """AP50, AP, FROC and the figures at the locked thresholds of both, with the verdict on AP50."""
        own, other = (matched(answer.outputs, truth) for answer in (shipped, reference))
        verdict = compare_precision(own, other, truth.units, margin=margin, n=1000, seed=seed)
        return box_evidence(
            truth, shipped=(own, shipped), reference=(other, reference), own_fp32=own_fp32, verdict=verdict,
            reason=reason, seed=seed,
        )  # fmt: skip


def compare_precision(
    own: Matches, other: Matches, units: Sequence[str], *, margin: float, n: int, seed: int
) -> NonInferiority:
    """Judge the difference in AP50 by a paired bootstrap over patients."""
    weights = unit_weights(units, own.n_images, n_resamples=n, seed=seed)
    draws = [known_mean(class_precisions(found, AP50, weights)) for found in (own, other)]
    value = mean_precision(own, AP50) - mean_precision(other, AP50)
    return judge_difference(value, draws[0] - draws[1], margin=margin, n_patients=len(set(units)), metric="AP50")


BOXES = BoxJudge()
