"""The sealed test, opened once: what the shipped bytes do on the shipped runtime."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.verify.intervals import bootstrap, f1_of, resamples, wilson
from bedside.verify.metrics import brier_score, expected_calibration_error
from bedside.verify.noninferiority import NonInferiority, auroc_of, compare_aurocs
from bedside.verify.operating_point import OperatingPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Every metric of one model on one set of cases.

    With more than two classes sensitivity, specificity, PPV and NPV are those of the positive class against the rest,
    AUROC and F1 are macro averages. `confusion` is ``[true][called]``.
    """

    auroc: Estimate
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    accuracy: Estimate
    f1: Estimate
    brier: Estimate
    ece: Estimate
    confusion: tuple[tuple[int, ...], ...]

    def metrics(self) -> dict[str, Estimate]:
        """Estimates by name, in the order of the reports."""
        return {name: getattr(self, name) for name in METRICS}


METRICS = ("auroc", "sensitivity", "specificity", "ppv", "npv", "accuracy", "f1", "brier", "ece")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Clinical evaluation of the shipped model, beside the reference, on the sealed test.

    Parameters
    ----------
    flips_frac
        Share of test cases whose call differs between the int8 file and its own fp32 file at the locked threshold.
    reason
        Why the seal was broken.
    """

    shipped: Score
    reference: Score
    non_inferiority: NonInferiority
    flips_frac: Estimate
    n_cases: int
    n_patients: int
    reason: str
    seed: int


def score(
    task: Task,
    labels: IntArray,
    logits: FloatArray,
    point: OperatingPoint,
    *,
    units: Sequence[str],
    draws: Sequence[IntArray],
) -> Score:
    """Compute every metric with its interval.

    Parameters
    ----------
    labels, logits
        ``(n,)`` and ``(n, K)``.
    units
        Unit of independence (patient or group) of each case.
    draws
        Rows of each bootstrap draw, from `bedside.verify.intervals.resamples`.
    """
    probabilities, n_units = point.probabilities(logits), len(set(units))
    called = point.calls(probabilities)
    positive, called_positive = labels == task.positive, called == task.positive
    clusters = np.asarray(units)

    def drawn(metric: Callable[[IntArray], float]) -> Estimate:
        return bootstrap(metric, draws, n_rows=len(labels), n_patients=n_units)

    def share(hits: BoolArray, among: BoolArray) -> Estimate:
        return wilson(int((hits & among).sum()), int(among.sum()), n_patients=len(set(clusters[among])) or None)

    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    everyone = np.ones(len(labels), bool)
    return Score(
        auroc=drawn(lambda r: auroc_of(task, labels[r], probabilities[r])),
        sensitivity=share(called_positive, positive),
        specificity=share(~called_positive, ~positive),
        ppv=share(positive, called_positive),
        npv=share(~positive, ~called_positive),
        accuracy=share(called == labels, everyone),
        f1=drawn(lambda r: _f1(task, labels[r], called[r])),
        brier=drawn(lambda r: brier_score(labels[r], probabilities[r])),
        ece=drawn(lambda r: expected_calibration_error(right[r], confidence[r])),
        confusion=_table(labels, called, task.n_classes),
    )


def _f1(task: Task, labels: IntArray, called: IntArray) -> float:
    if task.is_binary:
        return f1_of(labels == task.positive, called == task.positive)
    each = [f1_of(labels == k, called == k) for k in range(task.n_classes)]
    known = [value for value in each if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _table(labels: IntArray, called: IntArray, n_classes: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(((labels == t) & (called == c)).sum()) for c in range(n_classes)) for t in range(n_classes))


def evaluate(
    task: Task,
    labels: IntArray,
    units: Sequence[str],
    *,
    shipped: tuple[FloatArray, OperatingPoint],
    reference: tuple[FloatArray, OperatingPoint],
    own_fp32: FloatArray,
    margin: float,
    reason: str,
    seed: int,
) -> Evidence:
    """Score shipped model and reference on the same cases and compare them.

    Parameters
    ----------
    shipped, reference
        Logits ``(n, K)`` and the operating point that was locked on tuning.
    own_fp32
        Logits of the shipped model's own fp32 file.
    """
    draws, n_units = resamples(units, seed=seed), len(set(units))
    both = [score(task, labels, logits, point, units=units, draws=draws) for logits, point in (shipped, reference)]
    point = shipped[1]
    calls = point.calls(point.probabilities(shipped[0]))
    flips = calls != point.calls(point.probabilities(own_fp32))
    return Evidence(
        shipped=both[0],
        reference=both[1],
        non_inferiority=compare_aurocs(
            task,
            labels,
            point.probabilities(shipped[0]),
            reference[1].probabilities(reference[0]),
            margin=margin,
            draws=draws,
            n_patients=n_units,
        ),
        flips_frac=wilson(int(flips.sum()), len(flips), n_patients=n_units),
        n_cases=len(labels),
        n_patients=n_units,
        reason=reason,
        seed=seed,
    )
