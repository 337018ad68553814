"""Many classes or many labels at once: macro and micro averages of AUROC and average precision."""

from typing import Literal

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.errors import ShapeError
from bedside.base.estimate import Estimate
from bedside.verify.average_precision import average_precision
from bedside.verify.clusters import Units, blank, n_distinct, unit_index
from bedside.verify.intervals import macro
from bedside.verify.metrics import auroc
from bedside.verify.resampling import Weights, percentile, weighted_auroc, weighted_average_precision

_BLOCK_CELLS = 4_000_000

Figure = Literal["auroc", "average_precision"]
_PLAIN = {"auroc": auroc, "average_precision": average_precision}
_WEIGHTED = {"auroc": weighted_auroc, "average_precision": weighted_average_precision}


def macro_estimate(
    figure: Figure, truth: BoolArray, score: FloatArray, *, weights: Weights, units: Units = None
) -> Estimate:
    """Mean over the columns of ``(n, K)`` in which the figure exists, bootstrapped by patient.

    Columns are classes against the rest or labels of their own. A column with one class only is left out, in each draw
    as in the whole; if all are, the estimate is NaN.
    """
    _check(truth, score)
    kept = [k for k in range(truth.shape[1]) if 0 < truth[:, k].sum() < len(truth)]
    n_units = n_distinct(unit_index(units, len(truth)))
    if not kept:
        return blank(n_units)
    value = macro(_PLAIN[figure], truth[:, kept], score[:, kept])
    total, n_known = np.zeros(len(weights)), np.zeros(len(weights))
    for k in kept:
        found = _WEIGHTED[figure](truth[:, k], score[:, k], weights)
        known = ~np.isnan(found)
        total[known] += found[known]
        n_known += known
    with np.errstate(invalid="ignore"):
        return percentile(value, total / n_known, n_units)


def micro_estimate(
    figure: Figure, truth: BoolArray, score: FloatArray, *, weights: Weights, units: Units = None
) -> Estimate:
    """The figure over all cells of ``(n, K)`` at once, bootstrapped by patient; a case's cells go together."""
    _check(truth, score)
    n_classes = truth.shape[1]
    flat_truth, flat_score = truth.T.ravel(), score.T.ravel()
    n_units = n_distinct(unit_index(units, len(truth)))
    if not 0 < flat_truth.sum() < len(flat_truth):
        return blank(n_units)
    step = max(1, _BLOCK_CELLS // flat_truth.size)
    found = [
        _WEIGHTED[figure](flat_truth, flat_score, np.tile(weights[i : i + step], (1, n_classes)))
        for i in range(0, len(weights), step)
    ]
    return percentile(_PLAIN[figure](flat_truth, flat_score), np.concatenate(found), n_units)


def one_against_rest(labels: np.ndarray, n_classes: int) -> BoolArray:
    """Truth of each class against the rest, ``(n, K)``."""
    return labels[:, None] == np.arange(n_classes)


def _check(truth: BoolArray, score: FloatArray) -> None:
    if truth.shape != score.shape or truth.ndim != 2 or not truth.size:
        raise ShapeError(
            f"got {truth.shape} and {score.shape}", expected="two equal (n, K), not empty", hint="one column a class"
        )
