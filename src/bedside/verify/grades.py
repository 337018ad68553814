"""Ordered classes: weighted kappa, error in grades, and how often a call is right or one grade off."""

import math
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.agreement import kappa, kappa_estimate
from bedside.verify.calibration import mean_estimate
from bedside.verify.clusters import blank, n_distinct
from bedside.verify.delong import auroc_estimate
from bedside.verify.metrics import check_pair
from bedside.verify.proportions import share
from bedside.verify.resampling import Weights


def quadratic_kappa(grades: IntArray, called: IntArray, n_grades: int) -> float:
    """Kappa whose disagreements weigh as the square of the distance (Cohen, Psychol Bull 1968); NaN without chance."""
    return kappa(grades, called, n_grades, "quadratic")


def kappa_draws(grades: IntArray, called: IntArray, n_grades: int, weights: Weights) -> FloatArray:
    """Quadratic kappa of every bootstrap draw, ``(B,)``; NaN where chance alone agrees fully.

    Parameters
    ----------
    weights
        How often each case stands in each draw, ``(B, n)``.
    """
    check_pair(grades, called)
    cells = np.zeros((len(grades), n_grades * n_grades), np.float32)
    cells[np.arange(len(grades)), grades * n_grades + called] = 1
    tables = (weights.astype(np.float32) @ cells).reshape(len(weights), n_grades, n_grades).astype(np.float64)
    tables /= np.maximum(tables.sum(axis=(1, 2), keepdims=True), 1)
    steps = np.subtract.outer(np.arange(n_grades), np.arange(n_grades)) / max(n_grades - 1, 1)
    apart = steps**2
    seen = (tables * apart).sum(axis=(1, 2))
    chance = np.einsum("bi,ij,bj->b", tables.sum(axis=2), apart, tables.sum(axis=1))
    return np.where(chance > 0, 1 - seen / np.where(chance > 0, chance, 1), math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeScore:
    """Figures of one model on one set of cases, and the table ``[true][called]``."""

    metrics: dict[str, Estimate]
    confusion: tuple[tuple[int, ...], ...]


def grade_scores(
    grades: IntArray, probabilities: FloatArray, called: IntArray, *, positive: int, index: IntArray
) -> GradeScore:
    """Score ordered classes, each figure with an interval by patient.

    ``auroc_from_positive`` asks whether the grade is `positive` or more: the score is the sum of those probabilities,
    which is what a referral decision ranks by.

    Parameters
    ----------
    grades, called
        ``(n,)``, from 0 (least) on.
    probabilities
        ``(n, K)``.
    index
        Unit of each case.
    """
    check_pair(grades, called)
    n_grades, everyone, off = probabilities.shape[1], np.ones(len(grades), bool), np.abs(grades - called)
    at_least = probabilities[:, max(positive, 1) :].sum(axis=1)
    metrics = {
        "quadratic_kappa": kappa_estimate(grades, called, n_grades, index, weights="quadratic"),
        "linear_kappa": kappa_estimate(grades, called, n_grades, index, weights="linear"),
        "mean_error_grades": mean_estimate(off.astype(np.float64), index, high=float(n_grades - 1)),
        "accuracy": share(off == 0, everyone, index),
        "adjacent_accuracy": share(off <= 1, everyone, index),
        "auroc_from_positive": auroc_estimate(grades >= max(positive, 1), at_least, index),
    }
    return GradeScore(metrics=metrics, confusion=grade_table(grades, called, n_grades))


def grade_table(grades: IntArray, called: IntArray, n_grades: int) -> tuple[tuple[int, ...], ...]:
    """How many cases of each grade got each call, ``[true][called]``."""
    counts = np.bincount(grades * n_grades + called, minlength=n_grades * n_grades).reshape(n_grades, n_grades)
    return tuple(tuple(int(n) for n in row) for row in counts)


def kappa_with_draws(
    grades: IntArray, called: IntArray, n_grades: int, weights: Weights, index: IntArray
) -> tuple[Estimate, FloatArray]:
    """Quadratic kappa with its interval, and its draws for paired differences; NaN where it cannot be had."""
    check_pair(grades, called)
    found = kappa_estimate(grades, called, n_grades, index, weights="quadratic")
    draws = kappa_draws(grades, called, n_grades, weights)
    return (blank(n_distinct(index), low=-1.0) if math.isnan(found.value) else found), draws
