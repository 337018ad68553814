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
from bedside.verify.clusters import Units, independent_pairs, n_distinct, unit_index
from bedside.verify.distributions import least_share, normal_cdf, t_quantile
from bedside.verify.metrics import auroc, macro_auroc
from bedside.verify.paired_auroc import auroc_difference
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
    units: Units = None,
) -> NonInferiority:
    """Judge non-inferiority by a two-sided 95 % interval (one-sided 2.5 %) over patients.

    Two classes: the interval of `PairedAreas`. More: the paired bootstrap of the macro average, its tails those of
    Student's quantile for the patients of the rarest class (Hesterberg, Am Stat 2015, section 3.2.1). Also where
    patients repeat but `units` does not say which.

    Parameters
    ----------
    small, reference
        Probabilities ``(n, K)`` of the same cases in the same order.
    units
        Unit of each case; None where each stands for itself.
    """
    if task.is_binary and (units is not None or n_patients == len(labels)):
        k = task.positive
        difference = auroc_difference(labels == k, small[:, k], reference[:, k], units)
        return judged(difference, margin)
    areas = auroc_of(task, labels, small), auroc_of(task, labels, reference)
    value, both_perfect = areas[0] - areas[1], areas == (1.0, 1.0) and not np.array_equal(small, reference)
    weights = weights_of(draws, len(labels))
    found = drawn_aurocs(task, labels, small, weights) - drawn_aurocs(task, labels, reference, weights)
    index = unit_index(units, len(labels))
    n_rarest = min(n_distinct(index[labels == k]) for k in np.unique(labels))
    return judge_difference(
        value, found, margin=margin, n_patients=n_patients, n_rarest=n_rarest,
        n_agreeing=independent_pairs(n_rarest, n_patients) if both_perfect else 0,
    )  # fmt: skip


def judged(difference: Estimate, margin: float, *, metric: str = "AUROC") -> NonInferiority:
    """Verdict on a 95 % interval of a difference (small model minus reference; more is better).

    Raises
    ------
    InputError
        For a margin that is not between 0 and 1.
    """
    if not 0 < margin < 1:
        raise InputError(
            f"a margin of {margin}", expected="a number between 0 and 1, such as 0.02", hint="set it before you look"
        )
    if math.isnan(difference.value):
        return NonInferiority(verdict="INCONCLUSIVE", difference=difference, margin=margin, metric=metric)
    low, high, n = difference.low, difference.high, difference.n_patients
    verdict: Verdict = "PASS" if low > -margin else "FAIL" if high < -margin else "INCONCLUSIVE"
    unbounded = verdict != "INCONCLUSIVE" or (low, high) == (-1.0, 1.0)
    needed = None if unbounded else _needed(difference.value, (high - low) / 3.92, margin, n)
    return NonInferiority(
        verdict=verdict, difference=difference, margin=margin, n_patients_needed=needed, metric=metric
    )


def judge_difference(
    value: float,
    found: FloatArray,
    *,
    margin: float,
    n_patients: int,
    metric: str = "AUROC",
    n_rarest: int | None = None,
    n_agreeing: int = 0,
) -> NonInferiority:
    """Judge a difference (small model minus reference; more is better) by its bootstrap draws, ``(B,)``.

    Draws in which it is undefined are left out. With `n_rarest` patients of the rarest class the percentiles lie as
    much further out as Student's quantile and the error of so few are larger than a normal's.

    Two models that are perfect in every draw leave no spread to read an interval from, and may still differ in the next
    patient: `n_agreeing` is the number of independent patients (or pairs of them) in which both are right, whose exact
    bound the interval then gets. 0 is for all other models, and for outputs that are the same.

    Raises
    ------
    InputError
        For a margin that is not between 0 and 1.
    """
    found = found[~np.isnan(found)]
    if math.isnan(value) or not len(found):
        return judged(Estimate(value=math.nan, low=-1.0, high=1.0, n_patients=n_patients), margin, metric=metric)
    tail = 2.5 if n_rarest is None else 100 * expanded_tail(0.025, n_rarest)
    if n_agreeing and not found.any() and not value:
        far = 1 - least_share(n_agreeing)
        same = Estimate(value=0.0, low=-far, high=far, n_patients=n_patients,
                        method=f"both perfect, exact over {n_agreeing} independent patients or pairs")  # fmt: skip
        return judged(same, margin, metric=metric)
    low, high = (float(x) for x in np.percentile(found, [tail, 100 - tail]))
    expanded = f", tails of {tail:.2g} %" if n_rarest is not None else ""
    difference = Estimate(
        value=value, low=min(low, value), high=max(high, value), n_patients=n_patients,
        method=f"paired bootstrap by patient, {len(found)} draws{expanded}",
    )  # fmt: skip
    return judged(difference, margin, metric=metric)


def expanded_tail(tail: float, n: int) -> float:
    """Tail of the bootstrap draws that has the cover of Student's interval for `n` patients; `tail` for many."""
    if n < 2:
        return 0.0
    return normal_cdf(-math.sqrt(n / (n - 1)) * t_quantile(1 - tail, n - 1))


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
