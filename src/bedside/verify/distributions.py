"""Quantiles and tails of the normal, Student's t, beta and binomial distributions, without SciPy."""

import math
from functools import lru_cache
from statistics import NormalDist

_NORMAL = NormalDist()
_TINY = 1e-300


def normal_quantile(prob: float) -> float:
    """Standard normal quantile."""
    return _NORMAL.inv_cdf(prob)


def normal_cdf(z: float) -> float:
    """P(Z <= z) of a standard normal."""
    return _NORMAL.cdf(z)


def two_sided_p(z: float) -> float:
    """Two-sided p-value of a standard normal statistic."""
    return math.erfc(abs(z) / math.sqrt(2))


def beta_cdf(x: float, a: float, b: float) -> float:
    """Regularized incomplete beta function, by Lentz's continued fraction (Press et al., Numerical Recipes, 6.4)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(log_front) * _fraction(x, a, b) / a
    return 1 - math.exp(log_front) * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    h = d
    for m in range(1, 10_000):
        for top in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / _away(1 + top * d), _away(1 + top / c)
            h *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return h


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def beta_quantile(prob: float, a: float, b: float) -> float:
    """Quantile of the beta distribution, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if beta_cdf(middle, a, b) < prob else (low, middle)
    return (low + high) / 2


def binomial_cdf(k: int, n: int, prob: float) -> float:
    """P(X <= k) of a binomial."""
    if k < 0 or k >= n:
        return 0.0 if k < 0 else 1.0
    return beta_cdf(1 - prob, n - k, k + 1)


def binomial_pmf(k: int, n: int, prob: float) -> float:
    """P(X = k) of a binomial, with `prob` strictly between 0 and 1."""
    log_ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(log_ways + k * math.log(prob) + (n - k) * math.log1p(-prob))


@lru_cache(maxsize=4096)
def least_share(n: int, level_frac: float = 0.95) -> float:
    """Lower end of a share of which all `n` were seen (Clopper and Pearson, Biometrika 1934).

    Examples
    --------
    >>> round(least_share(7), 3)
    0.59
    """
    return ((1 - level_frac) / 2) ** (1 / n)


def t_quantile(prob: float, dof: float) -> float:
    """Quantile of Student's t: Hill's start (Commun ACM 1970, algorithm 396), then Newton; dof need not be whole."""
    if prob == 0.5:
        return 0.0
    if prob < 0.5:
        return -t_quantile(1 - prob, dof)
    if dof > 1e6:
        return normal_quantile(prob)
    if dof < 1.5:
        return _t_by_bisection(prob, dof)
    t = _hill(2 * (1 - prob), dof)
    for _ in range(3):
        t -= (t_cdf(t, dof) - prob) / _t_pdf(t, dof)
    return t


def t_cdf(t: float, dof: float) -> float:
    """P(T <= t) of Student's t."""
    tail = beta_cdf(dof / (dof + t * t), dof / 2, 0.5) / 2
    return 1 - tail if t >= 0 else tail


def _t_pdf(t: float, dof: float) -> float:
    log_front = math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2) - math.log(dof * math.pi) / 2
    return math.exp(log_front - (dof + 1) / 2 * math.log1p(t * t / dof))


def _t_by_bisection(prob: float, dof: float) -> float:
    low, high = 0.0, 1e6
    for _ in range(120):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, dof) < prob else (low, middle)
    return (low + high) / 2


def _hill(tails: float, dof: float) -> float:
    a = 1 / (dof - 0.5)
    b = 48 / (a * a)
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * dof
    y = (d * tails) ** (2 / dof)
    if y > 0.05 + a:
        x = normal_quantile(tails / 2)
        y = x * x
        if dof < 5:
            c += 0.3 * (dof - 4.5) * (x + 0.6)
        c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        y = ((1 / (((dof + 6) / (dof * y) - 0.089 * d - 0.822) * (dof + 2) * 3) + 0.5 / (dof + 4)) * y - 1) * (
            dof + 1
        ) / (dof + 2) + 1 / y
    return math.sqrt(dof * y)
