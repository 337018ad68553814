"""Many classes or many labels at once: macro and micro averages of AUROC and average precision."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import ShapeError
from bedside.base.estimate import Estimate
from bedside.verify.average_precision import average_precision
from bedside.verify.clusters import blank, independent_pairs, n_distinct, never_certain
from bedside.verify.intervals import macro
from bedside.verify.metrics import auroc
from bedside.verify.resampling import RankedDraws, Weights, percentile, ranked_draws

Figure = Literal["auroc", "average_precision"]
FIGURES: tuple[Figure, ...] = ("auroc", "average_precision")
_PLAIN = {"auroc": auroc, "average_precision": average_precision}


def macro_estimate(
    figure: Figure, truth: BoolArray, score: FloatArray, draws: Sequence[RankedDraws | None], index: IntArray
) -> Estimate:
    """Mean over the columns of ``(n, K)`` in which the figure exists, bootstrapped by patient.

    Columns are classes against the rest or labels of their own. A column with one class only is left out, in each draw
    as in the whole; if all are, the estimate is NaN.

    Parameters
    ----------
    draws
        Of each column, from `ranked_draws` over one set of weights; None for a column with one class only.
    index
        Number of the unit of each case, ``(n,)``.
    """
    _check(truth, score)
    n_units = n_distinct(index)
    found = [getattr(draw, figure) for draw in draws if draw is not None]
    kept = [k for k, draw in enumerate(draws) if draw is not None]
    if not kept:
        return blank(n_units)
    value = macro(_PLAIN[figure], truth[:, kept], score[:, kept])
    stacked = np.stack(found)
    known = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):
        means = np.where(known, stacked, 0.0).sum(axis=0) / known.sum(axis=0)
    return separated(percentile(value, means, n_units), rarest(truth[:, kept], ~truth[:, kept], index))


def rarest(truth: BoolArray, others: BoolArray, index: IntArray) -> int:
    """Units of the rarest side of any column of ``(n, K)``: as many pairs of a case and another share no unit."""
    return min(n_distinct(index[column]) for side in (truth, others) for column in side.T)


def separated(found: Estimate, n_rarer: int) -> Estimate:
    """A ranking without a fault: its bound is that of as many concordant pairs as there are without a shared unit.

    Parameters
    ----------
    n_rarer
        Units (patients) of the rarer class.
    """
    n_pairs = independent_pairs(n_rarer, found.n_patients)
    return never_certain(found, n_pairs, "perfect separation, exact over independent pairs")


def micro_estimates(truth: BoolArray, score: FloatArray, weights: Weights, index: IntArray) -> dict[Figure, Estimate]:
    """Figures over all cells of ``(n, K)`` at once, bootstrapped by patient; a case's cells go together."""
    _check(truth, score)
    n_units, (n, n_classes) = n_distinct(index), truth.shape
    flat_truth, flat_score = truth.T.ravel(), score.T.ravel()
    if not 0 < flat_truth.sum() < len(flat_truth):
        return {figure: blank(n_units) for figure in FIGURES}
    draws = ranked_draws(flat_truth, flat_score, weights, rows=np.tile(np.arange(n), n_classes))
    n_rarer = min(n_distinct(index[side.any(axis=1)]) for side in (truth, ~truth))
    return {
        figure: separated(percentile(_PLAIN[figure](flat_truth, flat_score), getattr(draws, figure), n_units), n_rarer)
        for figure in FIGURES
    }


def column_draws(truth: BoolArray, score: FloatArray, weights: Weights) -> list[RankedDraws | None]:
    """Draws of each column against its own negatives; None for a column with one class only."""
    has_both = [0 < column.sum() < len(truth) for column in truth.T]
    return [ranked_draws(truth[:, k], score[:, k], weights) if has else None for k, has in enumerate(has_both)]


def one_against_rest(labels: np.ndarray, n_classes: int) -> BoolArray:
    """Truth of each class against the rest, ``(n, K)``."""
    return labels[:, None] == np.arange(n_classes)


def _check(truth: BoolArray, score: FloatArray) -> None:
    if truth.shape != score.shape or truth.ndim != 2 or not truth.size:
        raise ShapeError(
            f"got {truth.shape} and {score.shape}", expected="two equal (n, K), not empty", hint="one column a class"
        )
