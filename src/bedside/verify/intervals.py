"""Confidence intervals: Wilson for proportions, bootstrap by patient for the rest."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import ShapeError
from bedside.base.estimate import Estimate

N_RESAMPLES = 1000
_Z95 = NormalDist().inv_cdf(0.975)


def wilson(n_hits: int, n_tried: int, *, n_patients: int | None = None) -> Estimate:
    """Proportion with Wilson's 95 % score interval (Wilson, JASA 1927).

    Images of one patient are not independent: where `n_patients` is smaller than `n_tried` the interval is computed
    with that effective number, which is the conservative end.

    Examples
    --------
    >>> print(wilson(9, 10))
    0.900 [0.596, 0.982]
    """
    if n_tried == 0:
        return Estimate(value=math.nan, low=0.0, high=1.0, n_patients=0, method="Wilson")
    if not 0 <= n_hits <= n_tried:
        raise ShapeError(f"{n_hits} of {n_tried}", expected="0 <= hits <= tried", hint="count the hits among the tried")
    n = min(n_tried, n_patients) if n_patients else n_tried
    p, z2 = n_hits / n_tried, _Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low, high = max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))
    return Estimate(value=p, low=low, high=high, n_patients=n, method="Wilson")


def resamples(units: Sequence[str], *, n_resamples: int = N_RESAMPLES, seed: int) -> list[IntArray]:
    """Rows of each bootstrap draw: whole patients (or groups) with replacement."""
    _, row_of = np.unique(np.asarray(units), return_inverse=True)
    n_units = int(row_of.max()) + 1
    rng = np.random.default_rng(seed)
    if n_units == len(row_of):
        return [rng.integers(n_units, size=n_units) for _ in range(n_resamples)]
    members = [np.flatnonzero(row_of == unit) for unit in range(n_units)]
    return [np.concatenate([members[i] for i in rng.integers(n_units, size=n_units)]) for _ in range(n_resamples)]


def bootstrap(
    metric: Callable[[IntArray], float], draws: Sequence[IntArray], *, n_rows: int, n_patients: int
) -> Estimate:
    """Percentile interval of a metric of row numbers; draws in which it is undefined are left out."""
    value = metric(np.arange(n_rows))
    if math.isnan(value):
        return Estimate(value=value, low=0.0, high=1.0, n_patients=n_patients, method="bootstrap")
    found = np.array([metric(rows) for rows in draws])
    found = found[~np.isnan(found)]
    low, high = (value, value) if not len(found) else np.percentile(found, [2.5, 97.5])
    return Estimate(
        value=value,
        low=float(min(low, value)),
        high=float(max(high, value)),
        n_patients=n_patients,
        method=f"bootstrap by patient, {len(found)} draws",
    )


def confusion(positive: BoolArray, called: BoolArray) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives."""
    if positive.shape != called.shape:
        raise ShapeError(
            f"got {positive.shape} and {called.shape}",
            expected="two equal (n,)",
            hint="take both from one list of cases",
        )
    tp = int((positive & called).sum())
    fp = int((~positive & called).sum())
    fn = int((positive & ~called).sum())
    return tp, fp, fn, len(positive) - tp - fp - fn


def f1_of(positive: BoolArray, called: BoolArray) -> float:
    """F1 score; NaN where there is neither a positive nor a call."""
    tp, fp, fn, _ = confusion(positive, called)
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else math.nan


def macro(metric: Callable[[BoolArray, FloatArray], float], truth: BoolArray, score: FloatArray) -> float:
    """Mean of a one-against-the-rest metric over columns ``(n, K)``, undefined ones left out."""
    values = [metric(truth[:, k], score[:, k]) for k in range(truth.shape[1])]
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
