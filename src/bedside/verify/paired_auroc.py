"""Difference of two AUROCs on the same cases, with an interval that a verdict may rest on."""

import math
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, blank, few_note
from bedside.verify.delong import no_difference
from bedside.verify.distributions import t_cdf, t_quantile
from bedside.verify.placements import placements

_PLUS = 4
_TURNS = 4
_HALVINGS = 40
_FURTHEST = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedAreas:
    """Two AUROCs with their covariance ``(2, 2)`` and its degrees of freedom.

    DeLong's interval of the difference (value plus and minus z errors) calls a model non-inferior too often: where the
    small model happens to look good, its few misplaced cases and with them the error look small too; with 40 ill
    patients a one-sided 5 % test errs in 7 %. Here the difference is at its least, and at its largest, over Student's
    ellipse of both logits, which lengthens the side away from 1; the variance counts four more cases a class (as
    Agresti and Coull do for a share, Am Stat 1998); and the degrees of freedom are those of `standard_error`, a class
    at a time, pooled by Satterthwaite. Where one model is perfect it has no logit, and the interval is plain. Simulated
    errors are in ``benchmarks/results/evidence.json``.
    """

    first: float
    second: float
    covariance: FloatArray = field(repr=False)
    dof: float
    n_units: int
    note: str = ""

    @property
    def value(self) -> float:
        """First less second."""
        return self.first - self.second

    def interval(self, level_frac: float) -> Estimate:
        """Two-sided interval."""
        quantile = t_quantile((1 + level_frac) / 2, self.dof)
        scale = "plain (one is perfect)" if {self.first, self.second} & {0.0, 1.0} else "logit ellipse"
        ends = [self._end(sign * quantile) for sign in (-1, 1)]
        return Estimate(
            value=self.value, low=min(ends[0], self.value), high=max(ends[1], self.value), n_patients=self.n_units,
            level_frac=level_frac, method=f"paired DeLong, {scale}, four cases added a class, Student{self.note}",
        )  # fmt: skip

    def p_value(self, bound: float) -> float:
        """One-sided p-value of a true difference at `bound`: the further from what was seen, the smaller."""
        sign = -1 if bound < self.value else 1

        def beyond(quantile: float) -> bool:
            return sign * (self._end(sign * quantile) - bound) > 0

        near, far = 0.0, 0.5
        while not beyond(far) and far < _FURTHEST:
            near, far = far, 2 * far
        for _ in range(_HALVINGS):
            middle = (near + far) / 2
            near, far = (near, middle) if beyond(middle) else (middle, far)
        return 1 - t_cdf(near, self.dof)

    def _end(self, quantile: float) -> float:
        """Extreme difference at a signed number of errors, by turning the gradient a few times."""
        (a, b), (_, c) = self.covariance.tolist()
        if {self.first, self.second} & {0.0, 1.0}:
            return max(-1.0, min(1.0, self.value + quantile * math.sqrt(a + c - 2 * b)))
        slopes = [area * (1 - area) for area in (self.first, self.second)]
        logits = [math.log(area / (1 - area)) for area in (self.first, self.second)]
        a, b, c = a / slopes[0] ** 2, b / (slopes[0] * slopes[1]), c / slopes[1] ** 2
        up, down = slopes[0], -slopes[1]
        one, two = self.first, self.second
        for _ in range(_TURNS):
            x, y = a * up + b * down, b * up + c * down
            length = math.sqrt(max(up * x + down * y, 1e-300))
            one, two = (_expit(m + quantile * s / length) for m, s in zip(logits, (x, y), strict=True))
            up, down = one * (1 - one), -two * (1 - two)
        return one - two


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-max(-700.0, min(700.0, x))))


def paired_areas(
    positive: BoolArray, first: FloatArray, second: FloatArray, units: Units = None
) -> PairedAreas | Estimate:
    """Areas of two scores on the same cases ``(n,)``; an estimate without an error where there is none.

    Equal placements: 0, see `no_difference`. One class only: NaN. Fewer than two patients of a class, or no spread: the
    difference with the interval [-1, 1].
    """
    pair = np.asarray(first, np.float64), np.asarray(second, np.float64)
    found = placements(positive, pair, units)
    if found is None:
        return blank(low=-1.0)
    one, two = (float(area) for area in found.areas)
    gaps = found.of_positives[0] - found.of_positives[1], found.of_negatives[0] - found.of_negatives[1]
    if not any(gap.any() for gap in gaps):
        return no_difference(found, pair)
    widest = Estimate(value=one - two, low=-1.0, high=1.0, n_patients=found.n_units, method="no error can be computed")
    if min(found.n_each) < 2:
        return widest
    up, down, both = found.parts()
    growth = [(n + _PLUS) / n for n in found.n_each]
    covariance = up * growth[0] + down * growth[1] + both
    if not covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1] > 1e-15:
        return widest
    return PairedAreas(
        first=one, second=two, covariance=covariance, n_units=found.n_units,
        dof=_dof(gaps, (found.positive_units, found.negative_units)),
        note=few_note(*found.n_each, "approximate"),
    )  # fmt: skip


def _dof(gaps: tuple[FloatArray, FloatArray], units: tuple[np.ndarray, np.ndarray]) -> float:
    """Satterthwaite's, over classes whose own are ``3 (sum u^2)^2 / sum u^4``, at most units less one."""
    variances, terms = [], []
    for gap, unit in zip(gaps, units, strict=True):
        sums = np.bincount(unit, weights=gap - gap.mean())
        n, squares = int(np.count_nonzero(np.bincount(unit))), sums * sums
        total = float(squares.sum())
        if total > 0:
            own = min(n - 1, 3 * total * total / float(squares @ squares))
            variances.append(total / len(gap) ** 2)
            terms.append(variances[-1] ** 2 / own)
    return max(1.0, sum(variances) ** 2 / sum(terms)) if terms else 1.0


def auroc_difference(
    positive: BoolArray, first: FloatArray, second: FloatArray, units: Units = None, *, level_frac: float = 0.95
) -> Estimate:
    """AUROC of the first score less that of the second, with the interval that verdicts rest on."""
    found = paired_areas(positive, first, second, units)
    return found if isinstance(found, Estimate) else found.interval(level_frac)
