"""Every figure of one model on one set of cases that are in one class each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.base.jsonform import OMIT_DEFAULT
from bedside.base.task import Task
from bedside.verify.agreement import f1_estimate
from bedside.verify.averages import column_draws, macro_estimate, one_against_rest
from bedside.verify.calibration import brier_estimate
from bedside.verify.clusters import unit_index
from bedside.verify.delong import auroc_estimate
from bedside.verify.intervals import bootstrap, f1_of
from bedside.verify.mean_loss import mean_loss_estimate
from bedside.verify.metrics import expected_calibration_error
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.proportions import share
from bedside.verify.resampling import Weights, percentile, weighted_calibration_error, weights_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Every metric of one model on one set of cases.

    With more than two classes sensitivity, specificity, PPV and NPV are those of the positive class against the rest,
    AUROC and F1 are macro averages. `confusion` is ``[true][called]``. `more` are figures of ordered classes.
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
    more: dict[str, Estimate] = field(default_factory=dict, metadata=OMIT_DEFAULT)

    def metrics(self) -> dict[str, Estimate]:
        """Estimates by name, in the order of the reports."""
        return self.more | {name: getattr(self, name) for name in METRICS}


METRICS = ("auroc", "sensitivity", "specificity", "ppv", "npv", "accuracy", "f1", "brier", "ece")


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
    probabilities, index = point.probabilities(logits), unit_index(units, len(labels))
    called, n_units = point.calls(probabilities), len(set(units))
    positive, called_positive = labels == task.positive, called == task.positive
    weights = weights_of(draws, len(labels))
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    return Score(
        auroc=class_auroc(task, labels, probabilities, index, weights),
        sensitivity=share(called_positive, positive, index),
        specificity=share(~called_positive, ~positive, index),
        ppv=share(positive, called_positive, index),
        npv=share(~positive, ~called_positive, index),
        accuracy=share(called == labels, np.ones(len(labels), bool), index),
        f1=f1_estimate(positive, called_positive, index)
        if task.is_binary
        else bootstrap(lambda r: _f1(task, labels[r], called[r]), draws, n_rows=len(labels), n_patients=n_units),
        brier=_brier(labels, probabilities, index),
        ece=percentile(
            expected_calibration_error(right, confidence),
            weighted_calibration_error(right, confidence, weights),
            n_units,
        ),
        confusion=_table(labels, called, task.n_classes),
    )


def class_auroc(task: Task, labels: IntArray, probabilities: FloatArray, index: IntArray, weights: Weights) -> Estimate:
    """AUROC of the positive class with two classes, the macro average with more, with its interval.

    Parameters
    ----------
    index, weights
        Number of the unit of each case, and the draws ``(B, n)`` of a bootstrap by unit.
    """
    if task.is_binary:
        return auroc_estimate(labels == task.positive, probabilities[:, task.positive], index)
    truth = one_against_rest(labels, task.n_classes)
    return macro_estimate("auroc", truth, probabilities, column_draws(truth, probabilities, weights), index)


def _brier(labels: IntArray, probabilities: FloatArray, index: IntArray) -> Estimate:
    """Mean of the cases' squared distances, in the form of `brier_score`."""
    n_classes = probabilities.shape[1]
    apart = ((probabilities - np.eye(n_classes)[labels]) ** 2).sum(axis=1)
    if n_classes == 2:
        return brier_estimate(labels == 1, probabilities[:, 1], index)
    return mean_loss_estimate(apart, index, worst=2.0)


def _f1(task: Task, labels: IntArray, called: IntArray) -> float:
    each = [f1_of(labels == k, called == k) for k in range(task.n_classes)]
    known = [value for value in each if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _table(labels: IntArray, called: IntArray, n_classes: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(((labels == t) & (called == c)).sum()) for c in range(n_classes)) for t in range(n_classes))
