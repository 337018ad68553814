"""Average precision: the step-wise area under the curve of PPV against sensitivity."""

import math
from dataclasses import replace

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, few_note, interval, n_distinct, standard_error, unit_index
from bedside.verify.metrics import check_pair


def average_precision(positive: BoolArray, score: FloatArray) -> float:
    """Average precision, ties taken together, as scikit-learn defines it; NaN without a positive case."""
    value, _ = _with_influence(positive, score)
    return value


def _with_influence(positive: BoolArray, score: FloatArray) -> tuple[float, FloatArray]:
    """The value, and its derivative by the weight of each case, ``(n,)``; both in O(n log n).

    With weights w the value is ``sum_i w_i y_i P_i / sum_i w_i y_i``, P_i being the PPV at the score of case i; a case
    moves the value by its own P_i and by the PPV at every score at or below its own.
    """
    check_pair(positive, score)
    m = int(positive.sum())
    if not m:
        return float("nan"), np.zeros(len(score))
    _, inverse = np.unique(-np.asarray(score, np.float64), return_inverse=True)
    hits = np.bincount(inverse, weights=positive)
    n_called, n_hit = np.cumsum(np.bincount(inverse)), np.cumsum(hits)
    ppv = n_hit / n_called
    value = float(hits @ ppv / m)
    from_below = np.cumsum((hits / n_called)[::-1])[::-1]
    weighted = np.cumsum((hits * ppv / n_called)[::-1])[::-1]
    own = np.where(positive, ppv[inverse] - value, 0.0)
    return value, (own + positive * from_below[inverse] - weighted[inverse]) / m


def average_precision_estimate(positive: BoolArray, score: FloatArray, units: Units = None) -> Estimate:
    """Average precision with a logit interval from its linearized variance (Boyd et al., ECML PKDD 2013, section 4).

    Three things keep it honest where patients are few. A case counts itself in the PPV at its own score, which lifts
    the value (`_self_count`): the interval is centred half of that lower, and all of it joins the error. The variance
    grows by the share ``1.5 (1 / m + 1 / n)`` of m ill and n well patients, since the linearization takes its own
    centre for the truth. Student's degrees of freedom are those of `standard_error`, at most the ill patients less one.
    One class only gives NaN.
    """
    index = unit_index(units, len(positive))
    value, influence = _with_influence(positive, score)
    n_units = n_distinct(index)
    if not 0 < positive.sum() < len(positive):
        return blank(n_units)
    n_ill, n_well = n_distinct(index[positive]), n_distinct(index[~positive])
    lift = _self_count(positive, score, index)
    error, dof = standard_error(influence, index)
    error = math.hypot(error * math.sqrt(1 + 1.5 * (1 / n_ill + 1 / n_well)), lift)
    found = interval(
        value - lift / 2, error if error > 1e-12 else math.nan, dof=min(dof, n_ill - 1), scale="logit",
        n_units=n_units,
        method=f"linearized, freed of half the self-count, logit, Student{few_note(n_ill, n_well, 'conservative')}",
    )  # fmt: skip
    return replace(found, value=value, low=min(found.low, value), high=max(found.high, value))


def _self_count(positive: BoolArray, score: FloatArray, index: IntArray) -> float:
    """How much the value owes to each patient's own images among those called at the score of one of them."""
    _, inverse = np.unique(-np.asarray(score, np.float64), return_inverse=True)
    n_called = np.cumsum(np.bincount(inverse))
    ppv = np.cumsum(np.bincount(inverse, weights=positive)) / n_called
    order = np.lexsort((inverse, index))
    of_unit, place = index[order], inverse[order]
    n = len(order)
    starts = np.flatnonzero(np.r_[True, of_unit[1:] != of_unit[:-1]])
    first = np.repeat(starts, np.diff(np.r_[starts, n]))
    ends = np.flatnonzero(np.r_[(of_unit[1:] != of_unit[:-1]) | (place[1:] != place[:-1]), True])
    last = np.repeat(ends, np.diff(np.r_[-1, ends]))
    hits = np.r_[0, np.cumsum(positive[order])]
    own_called, own_hits = last - first + 1, hits[last + 1] - hits[first]
    own = (own_hits - ppv[place] * own_called) / n_called[place]
    return max(0.0, float(own[positive[order]].sum() / positive.sum()))
