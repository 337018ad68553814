"""Findings that may be there together: figures of each over the cases of which it is known, and their averages."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import ShapeError
from bedside.base.estimate import Estimate
from bedside.verify.average_precision import average_precision
from bedside.verify.averages import FIGURES, Figure, rarest, separated
from bedside.verify.checking import check_probabilities
from bedside.verify.clusters import blank, n_distinct
from bedside.verify.delong import PairedTest, delong_test
from bedside.verify.diagnostics import Diagnostics, LabelDiagnostics, diagnose
from bedside.verify.metrics import auroc
from bedside.verify.resampling import RankedDraws, Weights, percentile, ranked_draws
from bedside.verify.two_models import holm

UNKNOWN = -1
"""Mark of a finding of which nobody knows whether it is there."""

_PLAIN: dict[Figure, Callable[[BoolArray, FloatArray], float]] = {
    "auroc": auroc,
    "average_precision": average_precision,
}


def check_marks(marks: IntArray, scores: FloatArray) -> None:
    """Refuse marks that are not 1, 0 or -1, or do not fit the scores, ``(n, K)`` both.

    Raises
    ------
    ShapeError
        For another shape, nothing at all, or another number.
    """
    if marks.shape != scores.shape or marks.ndim != 2 or not marks.size:
        raise ShapeError(
            f"got {marks.shape} and {scores.shape}", expected="two equal (n, K), not empty", hint="one column a finding"
        )
    if outside := sorted(set(np.unique(marks).tolist()) - {UNKNOWN, 0, 1}):
        raise ShapeError(f"a mark of {outside[0]}", expected="1 (there), 0 (not there) or -1 (unknown)", hint="recode")


def has_both(marks: IntArray) -> BoolArray:
    """Findings ``(K,)`` that are known to be there in one case and not to be in another: only these can be ranked."""
    return (marks == 1).any(axis=0) & (marks == 0).any(axis=0)


def macro_figure(marks: IntArray, scores: FloatArray, figure: Figure = "auroc") -> float:
    """Mean of a ranking figure over the findings that can be ranked, unknown marks left out; NaN where none can be."""
    check_marks(marks, scores)
    found = [_PLAIN[figure](*_known(marks[:, k], scores[:, k])) for k in np.flatnonzero(has_both(marks))]
    return float(np.mean(found)) if found else math.nan


def _known(mark: IntArray, score: FloatArray) -> tuple[BoolArray, FloatArray]:
    known = mark != UNKNOWN
    return mark[known] == 1, score[known]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkDraws:
    """Ranking figures of every finding in every bootstrap draw; None for one that cannot be ranked."""

    columns: tuple[RankedDraws | None, ...] = field(repr=False)

    def macro(self, figure: Figure) -> FloatArray:
        """Mean over the findings that a draw can rank, ``(B,)``; NaN where it can rank none."""
        stacked = np.stack([getattr(draw, figure) for draw in self.columns if draw is not None])
        known = ~np.isnan(stacked)
        total = np.where(known, stacked, 0.0).sum(axis=0)
        return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), math.nan)


def mark_draws(marks: IntArray, scores: FloatArray, weights: Weights) -> MarkDraws:
    """Rank each finding once over its known cases, and read every draw off the weights ``(B, n)``."""
    check_marks(marks, scores)
    found: list[RankedDraws | None] = []
    for k, can in enumerate(has_both(marks)):
        known = np.flatnonzero(marks[:, k] != UNKNOWN)
        found.append(ranked_draws(marks[known, k] == 1, scores[known, k], weights[:, known]) if can else None)
    return MarkDraws(columns=tuple(found))


def macro_mark_estimate(
    figure: Figure, marks: IntArray, scores: FloatArray, draws: MarkDraws, index: IntArray
) -> Estimate:
    """Mean of a figure over the findings that can be ranked, bootstrapped by patient (`index`, ``(n,)``)."""
    n_units = n_distinct(index)
    if all(draw is None for draw in draws.columns):
        return blank(n_units)
    found = percentile(macro_figure(marks, scores, figure), draws.macro(figure), n_units)
    return separated(found, rarest_of(marks, index))


def rarest_of(marks: IntArray, index: IntArray) -> int:
    """Patients of the rarest side (with it, without it) of any finding that can be ranked; 0 if none can."""
    ranked = marks[:, has_both(marks)]
    return rarest(ranked == 1, ranked == 0, index) if ranked.size else 0


def micro_mark_estimates(
    marks: IntArray, scores: FloatArray, weights: Weights, index: IntArray
) -> dict[Figure, Estimate]:
    """Figures over all known cells at once, bootstrapped by patient; the cells of a case go together."""
    n_units = n_distinct(index)
    check_marks(marks, scores)
    rows, columns = np.nonzero(marks != UNKNOWN)
    positive, flat = marks[rows, columns] == 1, scores[rows, columns]
    if not len(rows) or positive.all() or not positive.any():
        return {figure: blank(n_units) for figure in FIGURES}
    drawn = ranked_draws(positive, flat, weights, rows=rows)
    n_rarer = min(n_distinct(index[rows[side]]) for side in (positive, ~positive))
    return {f: separated(percentile(_PLAIN[f](positive, flat), getattr(drawn, f), n_units), n_rarer) for f in FIGURES}


def diagnose_marks(
    marks: IntArray,
    probability: FloatArray,
    calls: IntArray,
    names: Sequence[str],
    *,
    index: IntArray,
    weights: Weights,
    draws: MarkDraws,
) -> LabelDiagnostics:
    """Score every finding over the cases of which it is known, and average over findings.

    Parameters
    ----------
    marks, probability, calls
        ``(n, K)``: 1, 0 or -1; in [0, 1]; and 1 or 0 at the locked thresholds.
    index, weights, draws
        Unit of each case ``(n,)``, bootstrap weights ``(B, n)``, and `mark_draws` of them.
    """
    labels = {
        name: _diagnosed(marks[:, k], probability[:, k], calls[:, k] == 1, index, weights)
        for k, name in enumerate(names)
    }
    micro = micro_mark_estimates(marks, probability, weights, index)
    macro = {f: macro_mark_estimate(f, marks, probability, draws, index) for f in FIGURES}
    averages = {f"macro_{f}": found for f, found in macro.items()} | {f"micro_{f}": found for f, found in micro.items()}
    return LabelDiagnostics(labels=labels, averages=averages)


def _diagnosed(
    mark: IntArray, probability: FloatArray, called: BoolArray, index: IntArray, weights: Weights
) -> Diagnostics:
    known = np.flatnonzero(mark != UNKNOWN)
    if not len(known):
        flag = ("its marks are all unknown",)
        return Diagnostics(metrics={}, flags=flag, n_cases=0, n_positive=0, n_patients=0)
    check_probabilities(mark[known] == 1, probability[known])
    return diagnose(mark[known] == 1, probability[known], called[known], units=index[known], weights=weights[:, known])


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTest:
    """DeLong's test of one finding, first model less second, with its p-value corrected over all findings (Holm)."""

    test: PairedTest
    p_holm: float


def compare_marks(
    marks: IntArray, first: FloatArray, second: FloatArray, names: Sequence[str], index: IntArray
) -> dict[str, LabelTest]:
    """Test every finding that can be ranked; ``(n, K)`` each, unknown marks left out finding by finding."""
    check_marks(marks, first)
    check_marks(marks, second)
    tests = {}
    for k in np.flatnonzero(has_both(marks)).tolist():
        known = np.flatnonzero(marks[:, k] != UNKNOWN)
        tests[names[k]] = delong_test(marks[known, k] == 1, first[known, k], second[known, k], index[known])
    adjusted = holm([test.p_value for test in tests.values()])
    return {name: LabelTest(test=test, p_holm=p) for (name, test), p in zip(tests.items(), adjusted, strict=True)}
