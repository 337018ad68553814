"""Shares and what follows from them: Wilson with a design effect, PPV and NPV at a prevalence, likelihood ratios."""

import math
from functools import lru_cache

import numpy as np

from bedside.base.arrays import BoolArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.clusters import FEW, Units, blank, n_distinct, standard_error, unit_index
from bedside.verify.distributions import beta_quantile, normal_quantile, t_quantile
from bedside.verify.intervals import confusion, wilson

_BLAKER_STEPS = 20_000
_RARE_FRAC = 0.05


def clopper_pearson(n_hits: int, n_tried: int, *, level_frac: float = 0.95) -> Estimate:
    """Proportion with the exact interval of Clopper and Pearson (Biometrika 1934)."""
    if not n_tried:
        return blank(method="Clopper-Pearson")
    low, high = exact_interval(n_hits / n_tried, n_tried, level_frac=level_frac)
    return Estimate(
        value=n_hits / n_tried, low=low, high=high, n_patients=n_tried, level_frac=level_frac, method="Clopper-Pearson"
    )


def exact_interval(value: float, n: float, *, level_frac: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's ends for a share of `n`, not always whole (Korn and Graubard, Surv Methodol 1998)."""
    tail, hits = (1 - level_frac) / 2, value * n
    low = beta_quantile(tail, hits, n - hits + 1) if value > 0 else 0.0
    high = beta_quantile(1 - tail, hits + 1, n - hits) if value < 1 else 1.0
    return min(low, value), max(high, value)


@lru_cache(maxsize=1024)
def blaker_interval(n_hits: int, n_tried: int, *, level_frac: float = 0.95) -> tuple[float, float]:
    """Blaker's exact ends (Can J Stat 2000): they cover at least as often as they say, and lie inside the exact ones.

    Every share at which what was seen, or what is less likely to be so far out in its tail, has a probability above
    ``1 - level_frac``; to 1/20,000, outwards. For small numbers only.
    """
    shares = np.linspace(0, 1, _BLAKER_STEPS + 1)
    seen = np.array([[math.comb(n_tried, k)] for k in range(n_tried + 1)]) * (
        shares ** np.arange(n_tried + 1)[:, None] * (1 - shares) ** np.arange(n_tried, -1, -1)[:, None]
    )
    tails = np.minimum(np.cumsum(seen, axis=0), np.cumsum(seen[::-1], axis=0)[::-1])
    accepted = np.where(tails <= tails[n_hits] + 1e-12, seen, 0.0).sum(axis=0) > 1 - level_frac
    inside = np.flatnonzero(accepted)
    ends = max(0, inside[0] - 1), min(_BLAKER_STEPS, inside[-1] + 1)
    value = n_hits / n_tried
    return min(value, float(shares[ends[0]])), max(value, float(shares[ends[1]]))


def score_interval(value: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's ends for a share of `n` (which need not be whole) at a normal or Student quantile `z`."""
    z2 = z * z
    centre = (value + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(value * (1 - value) / n + z2 / (4 * n * n))
    return max(0.0, min(value, centre - half)), min(1.0, max(value, centre + half))


def share(hits: BoolArray, among: BoolArray, units: Units = None, *, level_frac: float = 0.95) -> Estimate:
    """Share of `hits` in `among`, both ``(n,)``, with Wilson's interval; with an exact one below `FEW` cases.

    Where units repeat, the number of cases is divided by the design effect that is found in them (Rao and Scott,
    Biometrics 1992; at least 1) and Student's quantile replaces the normal one (Franco et al., J Surv Stat Methodol
    2019), at the degrees of freedom of `standard_error`, and three more below 5 and above 95 %, where Wilson's ends are
    wide already. A share of 0 or 1 shows no design effect: then the number of units counts. Of fewer than ten
    independent cases a share takes so few values that no interval covers 95 % whatever the truth; the exact ones cover
    at least that: Blaker's, or where units repeat Clopper and Pearson's. Nothing in `among` gives NaN.

    Examples
    --------
    >>> print(share(np.array([True] * 9 + [False]), np.ones(10, bool)))
    0.900 [0.596, 0.982]
    """
    index = unit_index(units, len(among))[among]
    n, n_units = len(index), n_distinct(index)
    if not n:
        return blank(method="Wilson")
    if n_units == n and level_frac == 0.95 and n >= FEW:
        return wilson(int(hits[among].sum()), n)
    value = float(hits[among].mean())
    n_effective, z = n_units, normal_quantile((1 + level_frac) / 2)
    if 0 < value < 1 and 1 < n_units < n:
        error, dof = standard_error((hits[among] - value) / n, index)
        n_effective = min(n, max(1.0, value * (1 - value) / max(error * error, 1e-300)))
        z = t_quantile((1 + level_frac) / 2, dof + (3 if min(value, 1 - value) < _RARE_FRAC else 0))
    counted = "" if n_units == n else f", {n} cases counted as {n_effective:.1f} for the design effect"
    few = f"; fewer than {FEW} independent cases: conservative"
    if n_units == n and n < FEW:
        (low, high), method = blaker_interval(int(hits[among].sum()), n, level_frac=level_frac), f"Blaker{few}"
    elif n_effective < FEW:
        low, high = exact_interval(value, n_effective, level_frac=level_frac)
        method = f"Clopper-Pearson{counted}{few}"
    else:
        low, high = score_interval(value, n_effective, z)
        method = f"Wilson{counted}"
    return Estimate(value=value, low=low, high=high, n_patients=n_units, level_frac=level_frac, method=method)


def predictive_values(sensitivity: Estimate, specificity: Estimate, prevalence: float) -> tuple[Estimate, Estimate]:
    """PPV and NPV re-weighted to a stated prevalence.

    The odds of disease after a call are the odds before it times the likelihood ratio, whose interval is carried
    through (MOVER, `ratio`). At prevalence 0 or 1 nothing is left to estimate and both are NaN.

    Raises
    ------
    InputError
        If the prevalence is not between 0 and 1.
    """
    if not 0 <= prevalence <= 1:
        raise InputError(f"a prevalence of {prevalence}", expected="0 to 1, such as 0.02", hint="give it as a fraction")
    n = min(sensitivity.n_patients, specificity.n_patients)
    if prevalence in (0, 1):
        return blank(n, method="no prevalence"), blank(n, method="no prevalence")
    odds = prevalence / (1 - prevalence)
    lr_positive, lr_negative = likelihood_ratios(sensitivity, specificity)
    method = f"at a prevalence of {prevalence:g}, from the likelihood ratio"
    return _posterior(lr_positive, odds, method), _posterior(_inverse(lr_negative), 1 / odds, method)


def _posterior(ratio_: Estimate, odds: float, method: str) -> Estimate:
    if math.isnan(ratio_.value):
        return blank(ratio_.n_patients, method=method)
    value, low, high = (
        1.0 if math.isinf(x) else odds * x / (1 + odds * x) for x in (ratio_.value, ratio_.low, ratio_.high)
    )
    return Estimate(value=value, low=low, high=high, n_patients=ratio_.n_patients, method=method)


def _inverse(found: Estimate) -> Estimate:
    value, low, high = (math.inf if x == 0 else 1 / x for x in (found.value, found.high, found.low))
    return Estimate(value=value, low=low, high=high, n_patients=found.n_patients, method=found.method)


def likelihood_ratios(sensitivity: Estimate, specificity: Estimate) -> tuple[Estimate, Estimate]:
    """Positive and negative likelihood ratio with MOVER intervals from those of sensitivity and specificity.

    A ratio over 0 is infinite with a finite lower end; 0 over 0 is NaN with the interval [0, infinity).
    """
    return ratio(sensitivity, _complement(specificity)), ratio(_complement(sensitivity), specificity)


def _complement(found: Estimate) -> Estimate:
    if math.isnan(found.value):
        return found
    return Estimate(value=1 - found.value, low=1 - found.high, high=1 - found.low, n_patients=found.n_patients)


def ratio(top: Estimate, bottom: Estimate) -> Estimate:
    """Ratio of two independent shares from their own intervals (MOVER; Donner and Zou, Stat Methods Med Res 2012)."""
    n = min(top.n_patients, bottom.n_patients)
    if math.isnan(top.value) or math.isnan(bottom.value) or top.value == bottom.value == 0:
        return blank(n, high=math.inf, method="MOVER")
    a, b = top.value, bottom.value
    if b == 0:
        value = high = math.inf
    else:
        below = bottom.low * (2 * b - bottom.low)
        root = math.sqrt(max(0.0, (a * b) ** 2 - top.high * (2 * a - top.high) * below))
        value, high = a / b, (a * b + root) / below if below > 0 else math.inf
    above = top.low * (2 * a - top.low)
    root = math.sqrt(max(0.0, (a * b) ** 2 - above * bottom.high * (2 * b - bottom.high)))
    low = above / (a * b + root) if above > 0 else 0.0
    return Estimate(value=value, low=min(low, value), high=max(high, value), n_patients=n, method="MOVER")


def simel_ratio(n_top: int, of_top: int, n_bottom: int, of_bottom: int) -> Estimate:
    """Likelihood ratio with the log interval of Simel et al. (J Clin Epidemiol 1991); for cases that stand alone.

    With an empty cell the log method has no error: the ratio is then NaN or infinite with [0, infinity).
    """
    n = of_top + of_bottom
    if not (of_top and of_bottom) or (not n_top and not n_bottom):
        return blank(n, high=math.inf, method="log (Simel)")
    if not n_top or not n_bottom:
        value = math.inf if n_top else 0.0
        return Estimate(value=value, low=0.0, high=math.inf, n_patients=n, method="log (Simel): an empty cell")
    value = (n_top / of_top) / (n_bottom / of_bottom)
    error = math.sqrt(1 / n_top - 1 / of_top + 1 / n_bottom - 1 / of_bottom)
    reach = math.exp(normal_quantile(0.975) * error)
    return Estimate(value=value, low=value / reach, high=value * reach, n_patients=n, method="log (Simel)")


def table_of(positive: BoolArray, called: BoolArray) -> np.ndarray:
    """``[[tn, fp], [fn, tp]]``."""
    tp, fp, fn, tn = confusion(positive, called)
    return np.array([[tn, fp], [fn, tp]])
