"""Units of independence: sums by patient, and intervals from the influence of each case on a figure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.errors import ShapeError
from bedside.base.estimate import Estimate
from bedside.verify.distributions import least_share, t_quantile

Units = Sequence[str] | np.ndarray | None
"""Unit (patient or group) of each case, ``(n,)``; None where every case stands for itself."""

Scale = Literal["plain", "logit", "fisher", "log"]
_TO: dict[Scale, tuple[Callable[[float], float], Callable[[float], float], Callable[[float], float]]] = {
    "plain": (lambda x: x, lambda x: x, lambda x: 1.0),
    "logit": (lambda x: math.log(x / (1 - x)), lambda y: 1 / (1 + math.exp(-y)), lambda x: 1 / (x * (1 - x))),
    "fisher": (math.atanh, math.tanh, lambda x: 1 / (1 - x * x)),
    "log": (math.log, math.exp, lambda x: 1 / x),
}


def unit_index(units: Units, n_cases: int) -> IntArray:
    """Number of the unit of each case, ``(n,)``, from 0 on.

    Raises
    ------
    ShapeError
        If there is not one unit a case.
    """
    if units is None:
        return np.arange(n_cases)
    if len(units) != n_cases:
        raise ShapeError(
            f"{len(units)} units for {n_cases} cases", expected="one a case", hint="take both from one list"
        )
    found = np.asarray(units)
    n = len(found)
    if n and found.dtype.kind == "i" and found.min() == 0 and found.max() < n and np.bincount(found).all():
        return found  # already numbers from 0 on: sorting them again would cost more than most figures
    return np.unique(found, return_inverse=True)[1]


def n_distinct(index: IntArray) -> int:
    """Number of different units."""
    return int(np.count_nonzero(np.bincount(index))) if len(index) else 0


def unit_sums(values: FloatArray, index: IntArray) -> FloatArray:
    """Sums of ``(n,)`` values by unit, ``(n_units,)``."""
    return np.bincount(index, weights=values).astype(np.float64, copy=False)


def blank(n_units: int = 0, *, low: float = 0.0, high: float = 1.0, method: str = "not estimable") -> Estimate:
    """The stated convention for what the data cannot give: NaN with the widest interval."""
    return Estimate(value=math.nan, low=low, high=high, n_patients=n_units, method=method)


FEW = 10
"""Patients of a class below which an interval says that they are few."""


def independent_pairs(n_rarer: int, n_units: int) -> int:
    """Pairs of a unit of the rarer class and another that share no unit; 1 at least."""
    return max(1, min(n_rarer, n_units // 2))


def never_certain(found: Estimate, n: int, method: str = "") -> Estimate:
    """Widen an interval of no width at 0 or 1: `n` units that all agree leave the exact binomial bound of that many.

    Every draw of a bootstrap is then the same, which says nothing about how often the next patient would differ.
    """
    if found.value not in (0.0, 1.0) or found.low < found.high or not n:
        return found
    far = least_share(n)
    low, high = (far, 1.0) if found.value == 1 else (0.0, 1 - far)
    return replace(found, low=low, high=high, method=method or f"exact, {n} units that agree")


def few_note(n_ill: int, n_well: int, kind: Literal["conservative", "approximate"]) -> str:
    """What a method says of itself where one class has fewer than `FEW` patients; nothing else."""
    return f"; fewer than {FEW} patients of a class: {kind}" if min(n_ill, n_well) < FEW else ""


def standard_error(influence: FloatArray, index: IntArray) -> tuple[float, float]:
    """Infinitesimal-jackknife standard error with whole units as clusters, and its degrees of freedom.

    The degrees of freedom are ``3 (sum u^2)^2 / sum u^4`` over the units' sums u (the units' number where u is normal,
    since its kurtosis is 3), at most the units less one: where a few rare patients carry the variance, they are few.

    Parameters
    ----------
    influence
        Derivative of the figure by the weight of each case, ``(n,)``; it sums to 0 (Efron, The jackknife, 1982; the
        Taylor linearization of survey statistics is the same thing).
    """
    sums = unit_sums(influence, index)
    sums = sums[np.bincount(index) > 0]
    n, squares = len(sums), sums * sums
    total = float(squares.sum())
    if n < 2 or not total > 0:
        return (math.nan if n < 2 else 0.0), n - 1
    return math.sqrt(n / (n - 1) * total), min(n - 1, 3 * total * total / float(squares @ squares))


def interval(
    value: float, error: float, *, dof: float, scale: Scale, n_units: int, method: str, level_frac: float = 0.95
) -> Estimate:
    """Student interval computed on a scale where the figure is closer to normal, and brought back.

    A value at the end of its scale, or an error that cannot be computed, has no such interval: the method then says so
    and the interval is the widest one.
    """
    widest = {"plain": (-math.inf, math.inf), "logit": (0.0, 1.0), "fisher": (-1.0, 1.0), "log": (0.0, math.inf)}[scale]
    if math.isnan(value):
        return blank(n_units, low=widest[0], high=widest[1])
    at_end = value in widest
    if at_end or math.isnan(error) or dof <= 0:
        return Estimate(
            value=value, low=widest[0], high=widest[1], n_patients=n_units, level_frac=level_frac,
            method=f"{method}: no error can be computed",
        )  # fmt: skip
    to, back, slope = _TO[scale]
    half = t_quantile((1 + level_frac) / 2, dof) * error * slope(value)
    ends = [_clipped(back, to(value) + sign * half, widest[(sign + 1) // 2]) for sign in (-1, 1)]
    return Estimate(
        value=value, low=min(ends[0], value), high=max(ends[1], value), n_patients=n_units, level_frac=level_frac,
        method=method,
    )  # fmt: skip


def _clipped(back: Callable[[float], float], y: float, end: float) -> float:
    try:
        return back(y)
    except OverflowError:
        return end
