"""Is the small model as good as the reference, give or take a margin set beforehand?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.base.jsonform import OMIT_DEFAULT
from bedside.base.task import Task
from bedside.verify.metrics import auroc, macro_auroc
from bedside.verify.resampling import Weights, ranked_draws, weights_of

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferiority:
    """Paired comparison of one figure (`metric`) of two models on the same cases.

    PASS if the whole interval of the difference (small model minus reference) lies above ``-margin``, FAIL if it lies
    below, else INCONCLUSIVE with the number of patients that would settle it, were the difference what it seems.
    """

    verdict: Verdict
    difference: Estimate
    margin: float
    n_patients_needed: int | None = None
    metric: str = field(default="AUROC", metadata=OMIT_DEFAULT)

    def __str__(self) -> str:
        more = f"; about {self.n_patients_needed:,} patients would settle it" if self.n_patients_needed else ""
        return f"{self.verdict}: {self.metric} difference {self.difference} against a margin of {self.margin:g}{more}"


def auroc_of(task: Task, labels: IntArray, probabilities: FloatArray) -> float:
    """AUROC of the positive class with two classes, the macro average with more."""
    if task.is_binary:
        return auroc(labels == task.positive, probabilities[:, task.positive])
    return macro_auroc(labels, probabilities)


def compare_aurocs(
    task: Task,
    labels: IntArray,
    small: FloatArray,
    reference: FloatArray,
    *,
    margin: float,
    draws: Sequence[IntArray],
    n_patients: int,
) -> NonInferiority:
    """Judge non-inferiority by a paired bootstrap over patients, two-sided 95 % (one-sided 2.5 %).

    Parameters
    ----------
    small, reference
        Probabilities ``(n, K)`` of the same cases in the same order.
    """
    value = auroc_of(task, labels, small) - auroc_of(task, labels, reference)
    weights = weights_of(draws, len(labels))
    found = drawn_aurocs(task, labels, small, weights) - drawn_aurocs(task, labels, reference, weights)
    return judge_difference(value, found, margin=margin, n_patients=n_patients)


def judge_difference(
    value: float, found: FloatArray, *, margin: float, n_patients: int, metric: str = "AUROC"
) -> NonInferiority:
    """Judge a difference (small model minus reference; more is better) by its bootstrap draws, ``(B,)``.

    Draws in which it is undefined are left out.

    Raises
    ------
    InputError
        For a margin that is not between 0 and 1.
    """
    if not 0 < margin < 1:
        raise InputError(
            f"a margin of {margin}", expected="a number between 0 and 1, such as 0.02", hint="set it before you look"
        )
    found = found[~np.isnan(found)]
    if math.isnan(value) or not len(found):
        blank = Estimate(value=math.nan, low=-1.0, high=1.0, n_patients=n_patients)
        return NonInferiority(verdict="INCONCLUSIVE", difference=blank, margin=margin, metric=metric)
    low, high = (float(x) for x in np.percentile(found, [2.5, 97.5]))
    difference = Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        n_patients=n_patients,
        method=f"paired bootstrap by patient, {len(found)} draws",
    )
    verdict: Verdict = "PASS" if low > -margin else "FAIL" if high < -margin else "INCONCLUSIVE"
    needed = None if verdict != "INCONCLUSIVE" else _needed(value, float(found.std()), margin, n_patients)
    return NonInferiority(
        verdict=verdict, difference=difference, margin=margin, n_patients_needed=needed, metric=metric
    )


def drawn_aurocs(task: Task, labels: IntArray, probabilities: FloatArray, weights: Weights) -> FloatArray:
    """`auroc_of` every draw, ``(B,)``."""
    classes = [task.positive] if task.is_binary else range(task.n_classes)
    drawn = np.stack([ranked_draws(labels == k, probabilities[:, k], weights).auroc for k in classes])
    known = ~np.isnan(drawn)
    with np.errstate(invalid="ignore"):
        return np.where(known, drawn, 0.0).sum(axis=0) / known.sum(axis=0)


def _needed(difference: float, standard_error: float, margin: float, n_patients: int) -> int | None:
    """Patients at which an interval of this difference would just clear the margin (width shrinks as 1/sqrt(n))."""
    distance = abs(difference + margin)
    if distance < 1e-4 or standard_error == 0:
        return None
    return math.ceil(n_patients * (1.96 * standard_error / distance) ** 2)
