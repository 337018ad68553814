"""Where each case stands among those of the other class: what every variance of an AUROC is made of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.verify.clusters import Units, independent_pairs, n_distinct, unit_index
from bedside.verify.metrics import check_pair, ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Placements:
    """Where each case stands among the cases of the other class, for M models.

    Parameters
    ----------
    of_positives, of_negatives
        ``(M, m)`` and ``(M, n)``: share of negatives below each positive, and of positives above each negative, ties
        one half (the structural components of DeLong et al., Biometrics 1988).
    positive_units, negative_units
        Unit of each, ``(m,)`` and ``(n,)``, out of `n_units`.
    """

    of_positives: FloatArray = field(repr=False)
    of_negatives: FloatArray = field(repr=False)
    positive_units: IntArray = field(repr=False)
    negative_units: IntArray = field(repr=False)
    n_units: int

    @property
    def areas(self) -> FloatArray:
        """AUROC of each model, ``(M,)``."""
        return self.of_positives.mean(axis=1)

    @property
    def n_each(self) -> tuple[int, int]:
        """Units with a positive and units with a negative case."""
        return n_distinct(self.positive_units), n_distinct(self.negative_units)

    @property
    def n_pairs(self) -> int:
        """Pairs of a positive and a negative case that can be had of which no two share a unit."""
        return independent_pairs(min(self.n_each), self.n_units)

    def parts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Variance from positives, from negatives, and from units with both; each ``(M, M)``."""
        areas, m, n = self.areas[:, None], self.of_positives.shape[1], self.of_negatives.shape[1]
        ups = np.stack([_sums(v, self.positive_units, self.n_units) for v in self.of_positives - areas])
        downs = np.stack([_sums(v, self.negative_units, self.n_units) for v in self.of_negatives - areas])
        n_up, n_down = self.n_each
        both = ups @ downs.T * (self.n_units / (self.n_units - 1) / (m * n))
        up, down = _scale(n_up) / m**2, _scale(n_down) / n**2
        return up * (ups @ ups.T), down * (downs @ downs.T), both + both.T

    def covariance(self) -> FloatArray:
        """Covariance of the areas, ``(M, M)``: DeLong's; Obuchowski's (Biometrics 1997) where units repeat."""
        return sum(self.parts())  # type: ignore[return-value]


def _sums(values: FloatArray, index: IntArray, n_units: int) -> FloatArray:
    return np.bincount(index, weights=values, minlength=n_units).astype(np.float64, copy=False)


def _scale(n: int) -> float:
    return n / (n - 1) if n > 1 else math.nan


def placements(positive: BoolArray, scores: Sequence[FloatArray], units: Units = None) -> Placements | None:
    """Placements by mid-ranks in O(n log n) (Sun and Xu, IEEE Signal Process Lett 2014); None with one class only.

    Parameters
    ----------
    positive
        ``(n,)``.
    scores
        Of M models, each ``(n,)``.
    """
    for score in scores:
        check_pair(positive, score)
    m = int(positive.sum())
    n = len(positive) - m
    if not m or not n:
        return None
    index = unit_index(units, len(positive))
    above, below = [], []
    for score in scores:
        everyone = ranks(score)
        above.append((everyone[positive] - ranks(score[positive])) / n)
        below.append(1 - (everyone[~positive] - ranks(score[~positive])) / m)
    return Placements(
        of_positives=np.stack(above),
        of_negatives=np.stack(below),
        positive_units=index[positive],
        negative_units=index[~positive],
        n_units=n_distinct(index),
    )


def auroc_influence(positive: BoolArray, score: FloatArray) -> FloatArray:
    """Influence of each case on the AUROC, ``(n,)``; zeros with one class only."""
    influence = np.zeros(len(positive))
    found = placements(positive, [np.asarray(score, np.float64)])
    if found is not None:
        area = found.areas[0]
        influence[positive] = (found.of_positives[0] - area) / positive.sum()
        influence[~positive] = (found.of_negatives[0] - area) / (~positive).sum()
    return influence
