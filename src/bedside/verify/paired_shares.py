"""Two models, the same cases, a yes or no for each: an interval of the difference and an exact test, by patient."""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from bedside.base.arrays import BoolArray
from bedside.base.errors import ShapeError
from bedside.base.estimate import Estimate

_Z95 = NormalDist().inv_cdf(0.975)


def paired_difference(candidate: BoolArray, reference: BoolArray, units: Sequence[str]) -> Estimate:
    """Share of the candidate less that of the reference, with Tango's score interval (Stat. Med. 17:891, 1998).

    Unlike a bootstrap's, it has a width even where no pair differs. Images of one patient are not independent: the
    counts are scaled down to the number of patients, which is the conservative end.

    Parameters
    ----------
    candidate, reference
        ``(n,)``, in one order; `units` are the patients.
    """
    _check(candidate, reference, units)
    n_units = len(set(units))
    scale = n_units / len(units)
    only_candidate = int((candidate & ~reference).sum())
    only_reference = int((reference & ~candidate).sum())
    value = (only_candidate - only_reference) / len(units)
    b, c = only_candidate * scale, only_reference * scale
    return Estimate(
        value=value,
        low=min(value, _limit(b, c, n_units, _Z95, -1.0, value)),
        high=max(value, _limit(b, c, n_units, -_Z95, value, 1.0)),
        n_patients=n_units,
        method="Tango's score interval",
    )


def _limit(b: float, c: float, n: int, z: float, low: float, high: float) -> float:
    """The difference at which the score statistic equals `z`, by bisection; the statistic falls as it grows."""
    for _ in range(60):
        middle = (low + high) / 2
        if _score(b, c, n, middle) > z:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _score(b: float, c: float, n: int, delta: float) -> float:
    """Tango's statistic of ``b`` and ``c`` discordant pairs of `n` under a true difference of `delta`."""
    first = 2 * n
    second = -b - c + (2 * n - b + c) * delta
    third = -c * delta * (1 - delta)
    q = (math.sqrt(max(0.0, second * second - 4 * first * third)) - second) / (2 * first)
    variance = n * (2 * q + delta * (1 - delta))
    gap = b - c - n * delta
    return gap / math.sqrt(variance) if variance > 1e-12 else math.copysign(math.inf, gap) if gap else 0.0


def mcnemar_p(candidate: BoolArray, reference: BoolArray, units: Sequence[str]) -> float:
    """Exact two-sided McNemar test (McNemar, Psychometrika 12:153, 1947), one vote a patient.

    A patient counts for the model with more hits on his or her images, and not at all where they are even.
    """
    _check(candidate, reference, units)
    balance: dict[str, int] = defaultdict(int)
    for unit, one, other in zip(units, candidate, reference, strict=True):
        balance[unit] += int(one) - int(other)
    n_candidate = sum(value > 0 for value in balance.values())
    n_voting = sum(value != 0 for value in balance.values())
    fewer = min(n_candidate, n_voting - n_candidate)
    tail = sum(math.comb(n_voting, k) for k in range(fewer + 1)) / 2**n_voting
    return min(1.0, 2 * tail)


def _check(candidate: BoolArray, reference: BoolArray, units: Sequence[str]) -> None:
    if not np.shape(candidate) == np.shape(reference) == (len(units),) or not len(units):
        raise ShapeError(
            f"got {np.shape(candidate)}, {np.shape(reference)} and {len(units)} units",
            expected="three of one length, not empty",
            hint="take all from one list of cases",
        )
