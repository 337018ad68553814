"""Figures of the whole table of truth against call: F1, balanced accuracy, MCC and kappa."""

import math
from typing import Literal

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, interval, n_distinct, standard_error, unit_index
from bedside.verify.intervals import confusion, f1_of
from bedside.verify.metrics import check_pair
from bedside.verify.proportions import share

KappaWeights = Literal["none", "linear", "quadratic"]


def f1_estimate(positive: BoolArray, called: BoolArray, units: Units = None) -> Estimate:
    """F1 with Wilson's interval of the share J = TP / (TP + FP + FN), brought to F1 = 2J / (1 + J).

    J is a share of the cases that are ill or called, so F1, a rising function of it, inherits its interval.
    """
    found = share(positive & called, positive | called, units)
    if math.isnan(found.value):
        return blank(found.n_patients, method="Wilson of the Jaccard share")
    low, high = (2 * end / (1 + end) for end in (found.low, found.high))
    return Estimate(
        value=f1_of(positive, called), low=low, high=high, n_patients=found.n_patients,
        method="Wilson of the Jaccard share",
    )  # fmt: skip


def mean_of_two(first: Estimate, second: Estimate) -> Estimate:
    """Balanced accuracy: the mean of sensitivity and specificity, by MOVER (Newcombe, Stat Med 1998)."""
    n = first.n_patients + second.n_patients
    if math.isnan(first.value) or math.isnan(second.value):
        return blank(n, method="MOVER")
    down = math.hypot(first.value - first.low, second.value - second.low) / 2
    up = math.hypot(first.high - first.value, second.high - second.value) / 2
    value = (first.value + second.value) / 2
    return Estimate(value=value, low=max(0.0, value - down), high=min(1.0, value + up), n_patients=n, method="MOVER")


def mcc(positive: BoolArray, called: BoolArray) -> float:
    """Matthews' correlation coefficient; NaN where truth or call holds one class only."""
    tp, fp, fn, tn = confusion(positive, called)
    bottom = math.sqrt(float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn - fp * fn) / bottom if bottom else math.nan


def mcc_estimate(positive: BoolArray, called: BoolArray, units: Units = None) -> Estimate:
    """MCC with Fisher's z and the linearized variance of a correlation of two yes-or-no variables."""
    index = unit_index(units, len(positive))
    value, n_units = mcc(positive, called), n_distinct(index)
    if math.isnan(value):
        return blank(n_units, low=-1.0)
    x, y = (np.asarray(a, np.float64) for a in (positive, called))
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    influence = (x * y - value * (x * x + y * y) / 2) / len(x)
    return _fisher(value, influence, index)


def _fisher(value: float, influence: FloatArray, index: IntArray) -> Estimate:
    error, dof = standard_error(influence, index)
    n = n_distinct(index)
    if abs(value) >= 1 or not error > 1e-12:
        return Estimate(
            value=max(-1.0, min(1.0, value)), low=-1.0, high=1.0, n_patients=n,
            method="linearized: no error can be computed",
        )  # fmt: skip
    return interval(value, error, dof=dof, scale="fisher", n_units=n, method="linearized, Fisher's z, Student")


def kappa(labels: IntArray, called: IntArray, n_classes: int, weights: KappaWeights = "none") -> float:
    """Cohen's kappa, weighted for ordinal classes (Cohen, Psychol Bull 1968); NaN where chance alone agrees fully."""
    check_pair(labels, called)
    return _kappa(labels, called, n_classes, weights)[0]


def _kappa(labels: IntArray, called: IntArray, k: int, weights: KappaWeights) -> tuple[float, FloatArray]:
    table = np.bincount(labels * k + called, minlength=k * k).reshape(k, k) / len(labels)
    steps = np.abs(np.subtract.outer(np.arange(k), np.arange(k)))
    apart = {"none": steps > 0, "linear": steps / (k - 1), "quadratic": (steps / (k - 1)) ** 2}[weights].astype(float)
    true_frac, called_frac = table.sum(1), table.sum(0)
    seen, chance = float((apart * table).sum()), float(true_frac @ apart @ called_frac)
    if chance == 0:
        return math.nan, np.zeros(len(labels))
    d_seen = apart[labels, called] - seen
    d_chance = (apart @ called_frac)[labels] + (true_frac @ apart)[called] - 2 * chance
    return 1 - seen / chance, -(d_seen / chance - seen * d_chance / chance**2) / len(labels)


def kappa_estimate(
    labels: IntArray, called: IntArray, n_classes: int, units: Units = None, *, weights: KappaWeights = "none"
) -> Estimate:
    """Kappa with Fisher's z and the linearized variance (that of Fleiss, Cohen and Everitt, Psychol Bull 1969)."""
    index = unit_index(units, len(labels))
    check_pair(labels, called)
    value, influence = _kappa(labels, called, n_classes, weights)
    return blank(n_distinct(index), low=-1.0) if math.isnan(value) else _fisher(value, influence, index)
