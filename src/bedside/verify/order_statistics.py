"""Where the true quantile of a sample may lie: fractional order statistics (Hutson, J Appl Stat 1999)."""

from functools import lru_cache

from bedside.verify.distributions import beta_cdf, normal_cdf, normal_quantile

_MAX_STEPS = 8
_TINY = 1e-12


@lru_cache(maxsize=4096)
def quantile_levels(n: float, prob: float, *, tail: float) -> tuple[float | None, float | None]:
    """Levels of the sample between which its true `prob` quantile lies, each missed with probability `tail`.

    The r-th of n ordered values stands at a level of the population that is Beta(r, n + 1 - r), also where r is no
    whole number, so an end is missed with just `tail`; as a level of the sample r is ``(r - 1/2) / n``. None where no
    value of the sample bounds the quantile: the smallest of 20 lies above the 5 % quantile in 36 of 100 samples.

    Parameters
    ----------
    n
        Independent cases; need not be whole.

    Returns
    -------
    Upper and lower level.
    """
    upper = None if prob**n > tail else (_rank(n, prob, tail) - 0.5) / n
    lower = None if (1 - prob) ** n > tail else (_rank(n, prob, 1 - tail) - 0.5) / n
    return upper, lower


def _rank(n: float, prob: float, tail: float) -> float:
    """Rank r with P(Beta(r, n + 1 - r) < prob) = tail, by secants on the normal scale, where it is nearly straight."""
    target = normal_quantile(tail)
    spread = (n * prob * (1 - prob) + 0.25) ** 0.5

    def missed(r: float) -> float:
        return normal_quantile(min(1 - _TINY, max(_TINY, beta_cdf(prob, r, n + 1 - r)))) - target

    def inside(r: float) -> float:
        return min(max(r, 0.02), n + 0.98)

    old = inside(n * prob + 0.5 - target * spread)
    at_old = missed(old)
    new = inside(old + at_old * spread)
    for _ in range(_MAX_STEPS):
        at_new = missed(new)
        if abs(at_new) < 1e-6 or at_new == at_old:
            break
        old, at_old, new = new, at_new, inside(new - at_new * (new - old) / (at_new - at_old))
    return new


def student_tail(tail: float, quantile: float) -> float:
    """Normal tail beyond Student's `quantile`: the tail to ask for where a variance was estimated, at most `tail`."""
    return min(tail, 1 - normal_cdf(quantile))
