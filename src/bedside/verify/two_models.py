"""Two models on the same cases: McNemar's test, a paired bootstrap, and Holm's correction over many questions."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import InputError, LeakError
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, n_distinct, unit_index
from bedside.verify.delong import PairedTest, auroc_estimate
from bedside.verify.distributions import binomial_cdf, binomial_pmf, normal_quantile, two_sided_p
from bedside.verify.metrics import check_pair

Tail = Literal["exact", "mid-p"]


def mcnemar(first: BoolArray, second: BoolArray, units: Units = None, *, tail: Tail = "mid-p") -> PairedTest:
    """McNemar's test of whether two models are right equally often; `first` and `second` say where each is right.

    p-value of the binomial over the pairs in which just one is right: exact, or with half the weight of what was seen
    (mid-p; Fagerland et al., BMC Med Res Methodol 2013). Where units repeat, the clustered Wald test of Obuchowski
    (Stat Med 1998) takes its place. The interval of the difference is the adjusted Wald of
    Agresti and Min (Stat Med 2005), linearized over units where they repeat. No discordant pair: p = 1.
    """
    check_pair(first, second)
    index = np.unique(unit_index(units, len(first)), return_inverse=True)[1]
    b, c, n = int((first & ~second).sum()), int((~first & second).sum()), len(first)
    n_units = n_distinct(index)
    difference = first.astype(float) - second
    sums = np.bincount(index, weights=difference - difference.mean())
    if n_units < n:
        if n_units < 2:
            return PairedTest(test="McNemar, clustered", difference=blank(n_units, low=-1.0), p_value=math.nan)
        under_null = np.bincount(index, weights=difference)
        spread = math.sqrt(float(under_null @ under_null))
        error = math.sqrt(n_units / (n_units - 1) * float(sums @ sums)) / n
        p = two_sided_p(float(difference.sum()) / spread) if spread else 1.0
        return PairedTest(
            test="McNemar, clustered", difference=_around(float(difference.mean()), error, n_units), p_value=p
        )
    adjusted = ((b + 0.5) - (c + 0.5)) / (n + 2)
    error = math.sqrt(max(0.0, (b + c + 1) - (b - c) ** 2 / (n + 2))) / (n + 2)
    half = normal_quantile(0.975) * error
    value = (b - c) / n
    found = Estimate(
        value=value, low=max(-1.0, min(value, adjusted - half)), high=min(1.0, max(value, adjusted + half)),
        n_patients=n, method="adjusted Wald (Agresti and Min)",
    )  # fmt: skip
    return PairedTest(test=f"McNemar, {tail}", difference=found, p_value=_binomial_p(b, c, tail))


def _binomial_p(b: int, c: int, tail: Tail) -> float:
    n, k = b + c, min(b, c)
    if not n:
        return 1.0
    tails = 2 * binomial_cdf(k, n, 0.5)
    return min(1.0, tails) if tail == "exact" else min(1.0, tails - binomial_pmf(k, n, 0.5))


def _around(value: float, error: float, n_units: int) -> Estimate:
    half = normal_quantile(0.975) * error
    return Estimate(value=value, low=max(-1.0, value - half), high=min(1.0, value + half), n_patients=n_units,
                    method="linearized, clustered")  # fmt: skip


def paired_bootstrap(
    metric: Callable[[IntArray], tuple[float, float]], draws: Sequence[IntArray], *, n_rows: int, n_patients: int
) -> PairedTest:
    """Difference of any metric of row numbers by resampled patients; the p-value is twice the share beyond 0, plus one.

    `metric` gives both models' figures on the same rows, so that what they share cancels.
    """
    first, second = metric(np.arange(n_rows))
    found = np.array([one - two for one, two in map(metric, draws)])
    return drawn_difference(first - second, found, n_patients=n_patients)


def drawn_difference(value: float, found: FloatArray, *, n_patients: int) -> PairedTest:
    """Test from the differences of all draws, ``(B,)``; undefined ones are left out and counted."""
    found = found[~np.isnan(found)]
    if math.isnan(value) or not len(found):
        none = blank(n_patients, low=-math.inf, high=math.inf)
        return PairedTest(test="paired bootstrap", difference=none, p_value=math.nan)
    low, high = np.percentile(found, [2.5, 97.5])
    tail = min((found <= 0).sum(), (found >= 0).sum())
    difference = Estimate(
        value=value, low=float(min(low, value)), high=float(max(high, value)), n_patients=n_patients,
        method=f"paired bootstrap by patient, {len(found)} draws",
    )  # fmt: skip
    p = min(1.0, 2 * float(tail + 1) / (len(found) + 1))
    return PairedTest(test="paired bootstrap", difference=difference, p_value=p)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values of Holm (Scand J Stat 1979); NaN stays NaN and is not counted as a test.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)
    """
    known = [i for i, p in enumerate(p_values) if not math.isnan(p)]
    if wrong := [p_values[i] for i in known if not 0 <= p_values[i] <= 1]:
        raise InputError(f"a p-value of {wrong[0]}", expected="0 to 1", hint="pass p-values, not statistics")
    adjusted, floor = [math.nan] * len(p_values), 0.0
    for rank, i in enumerate(sorted(known, key=lambda i: p_values[i])):
        floor = max(floor, min(1.0, (len(known) - rank) * p_values[i]))
        adjusted[i] = floor
    return tuple(adjusted)


def compare_arms(
    first: tuple[BoolArray, FloatArray, Sequence[str]], second: tuple[BoolArray, FloatArray, Sequence[str]]
) -> PairedTest:
    """AUROC of two arms of different patients (two sites, two randomised arms), each ``(positive, score, units)``.

    Raises
    ------
    LeakError
        If a patient stands in both arms: the arms are then not independent.
    """
    if both := sorted(set(first[2]) & set(second[2])):
        raise LeakError(
            f"{len(both)} patients are in both arms, first: {both[0]}",
            expected="each patient in one arm",
            hint="take the shared patients out, or compare the models on the same cases with delong_test",
        )
    one, two = (auroc_estimate(positive, score, units) for positive, score, units in (first, second))
    difference = independent_difference(one, two)
    return PairedTest(test="MOVER", difference=difference, p_value=_mover_p(difference))


def independent_difference(first: Estimate, second: Estimate) -> Estimate:
    """First minus second, of different patients, from their own intervals (MOVER; Zou and Donner, Stat Med 2008)."""
    n = first.n_patients + second.n_patients
    if math.isnan(first.value) or math.isnan(second.value):
        return blank(n, low=-1.0, method="MOVER")
    value = first.value - second.value
    down = math.hypot(first.value - first.low, second.high - second.value)
    up = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value=value, low=value - down, high=value + up, n_patients=n, method="MOVER")


def _mover_p(difference: Estimate) -> float:
    if math.isnan(difference.value):
        return math.nan
    side = difference.value - difference.low if difference.value > 0 else difference.high - difference.value
    return two_sided_p(difference.value * normal_quantile(0.975) / side) if side else math.nan
