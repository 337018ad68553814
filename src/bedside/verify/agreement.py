"""Figures of the whole table of truth against call: F1, balanced accuracy, MCC and kappa."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, few_note, interval, n_distinct, standard_error, unit_index
from bedside.verify.intervals import confusion, f1_of
from bedside.verify.metrics import check_pair
from bedside.verify.proportions import share

_ENOUGH = 20
"""Patients of each class from which the linearized variance of kappa stands alone."""

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
    """MCC from sensitivity, specificity and prevalence with their intervals, joined by MOVER (`_by_parts`)."""
    index = unit_index(units, len(positive))
    value, n_units = mcc(positive, called), n_distinct(index)
    if math.isnan(value):
        return blank(n_units, low=-1.0)
    return _by_parts(value, positive, called, index, _mcc_of)


def _mcc_of(sensitivity: float, specificity: float, prevalence: float) -> float:
    called = prevalence * sensitivity + (1 - prevalence) * (1 - specificity)
    bottom = called * (1 - called)
    gain = sensitivity + specificity - 1
    return gain * math.sqrt(prevalence * (1 - prevalence) / bottom) if bottom > 0 else math.copysign(1.0, gain)


def _kappa_of(sensitivity: float, specificity: float, prevalence: float) -> float:
    called = prevalence * sensitivity + (1 - prevalence) * (1 - specificity)
    bottom = prevalence * (1 - called) + called * (1 - prevalence)
    return 2 * prevalence * (1 - prevalence) * (sensitivity + specificity - 1) / bottom if bottom > 0 else 1.0


def _by_parts(
    value: float, positive: BoolArray, called: BoolArray, index: IntArray, of: Callable[[float, float, float], float]
) -> Estimate:
    """Interval of a figure of three shares: each is moved to its own ends in turn, and the moves are joined (MOVER).

    The linearized variance of such a figure is blind to what a handful of ill patients cannot show; the interval of
    their sensitivity is not (for the joining: Zou and Donner, Stat Med 2008).
    """
    parts = (
        share(called, positive, index), share(~called, ~positive, index),
        share(positive, np.ones(len(positive), bool), index),
    )  # fmt: skip
    at = [part.value for part in parts]
    down = up = 0.0
    for i, part in enumerate(parts):
        moved = []
        for end in (part.low, part.high):
            sensitivity, specificity, prevalence = (end if j == i else x for j, x in enumerate(at))
            moved.append(of(sensitivity, specificity, prevalence) - value)
        down, up = math.hypot(down, max(0.0, -min(moved))), math.hypot(up, max(0.0, *moved))
    return Estimate(
        value=value, low=max(-1.0, value - down), high=min(1.0, value + up), n_patients=n_distinct(index),
        method="MOVER of sensitivity, specificity and prevalence"
        + few_note(n_distinct(index[positive]), n_distinct(index[~positive]), "approximate"),
    )  # fmt: skip


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
    """Kappa with Fisher's z and the linearized variance (that of Fleiss, Cohen and Everitt, Psychol Bull 1969).

    With two classes and fewer than 20 patients of one, the wider end of this and of `_by_parts` counts.
    """
    index = unit_index(units, len(labels))
    check_pair(labels, called)
    value, influence = _kappa(labels, called, n_classes, weights)
    if math.isnan(value):
        return blank(n_distinct(index), low=-1.0)
    found, ill = _fisher(value, influence, index), labels > 0
    if n_classes > 2 or not 0 < ill.sum() < len(ill) or min(n_distinct(index[ill]), n_distinct(index[~ill])) >= _ENOUGH:
        return found
    parts = _by_parts(value, ill, called > 0, index, _kappa_of)
    return replace(
        found,
        low=min(found.low, parts.low),
        high=max(found.high, parts.high),
        method=f"{found.method}, or {parts.method}",
    )
