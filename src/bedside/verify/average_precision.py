"""Average precision: the step-wise area under the curve of PPV against sensitivity."""

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, interval, n_distinct, standard_error, unit_index
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

    Student's degrees of freedom are the units with a positive case, less one. One class only gives NaN.
    """
    index = unit_index(units, len(positive))
    value, influence = _with_influence(positive, score)
    n_units = n_distinct(index)
    if not 0 < positive.sum() < len(positive):
        return blank(n_units)
    error, _ = standard_error(influence, index)
    n_ill = n_distinct(index[positive])
    return interval(
        value, error if error > 1e-12 else float("nan"), dof=n_ill - 1, scale="logit", n_units=n_units,
        method="linearized, logit, Student",
    )  # fmt: skip
