"""The numbers behind the figures of the sealed test and of the trials, as plain tables."""

from collections.abc import Iterator, Sequence

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.budget import Budget
from bedside.base.task import Task
from bedside.bundle.curves import reliability_bins, roc_points
from bedside.bundle.report_figure import Cell, FigureTable
from bedside.verify.selection import Trial

MAX_POINTS = 400
"""Points kept of one curve; a longer one is thinned evenly, with both ends."""

Row = tuple[Cell, ...]


def roc_table(
    task: Task, labels: IntArray, shipped: FloatArray, reference: FloatArray, *, classes: Sequence[int]
) -> FigureTable:
    """List the points of the ROC curves: model, class, false-positive and true-positive rate.

    Parameters
    ----------
    labels
        ``(n,)`` true classes.
    shipped, reference
        ``(n, K)`` probabilities of the same cases.
    classes
        Which of the classes, each against the rest.
    """
    rows: list[Row] = []
    for model, probabilities in (("shipped", shipped), ("reference", reference)):
        for k in classes:
            rows += [(model, task.classes[k], x, y) for x, y in _curve(labels == k, probabilities[:, k])]
    return FigureTable(columns=("model", "class", "false_positive_rate", "true_positive_rate"), rows=tuple(rows))


def _curve(positive: BoolArray, score: FloatArray) -> Iterator[tuple[float, float]]:
    if positive.all() or not positive.any():
        return
    x, y = roc_points(positive, score)
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MAX_POINTS)).round().astype(int))
    yield from zip(x[kept].tolist(), y[kept].tolist(), strict=True)


def reliability_table(hit: BoolArray, score: FloatArray, *, n_bins: int = 10) -> FigureTable:
    """List the bins of equal mass: promised probability, observed share with its interval, cases."""
    sizes = [len(rows) for rows in np.array_split(np.arange(len(score)), min(n_bins, len(score)))]
    rows = tuple(
        (b.promised_prob, b.observed.value, b.observed.low, b.observed.high, n)
        for b, n in zip(reliability_bins(hit, score, n_bins=n_bins), sizes, strict=True)
    )
    return FigureTable(columns=("promised_prob", "observed_frac", "low_frac", "high_frac", "n_cases"), rows=rows)


def confusion_table(task: Task, confusion: Sequence[Sequence[int]]) -> FigureTable:
    """List the cells of the confusion matrix: truth, call, cases, share of the row."""
    rows = tuple(
        (task.classes[t], task.classes[c], n, n / max(1, sum(row)))
        for t, row in enumerate(confusion)
        for c, n in enumerate(row)
    )
    return FigureTable(columns=("truth", "called", "n_cases", "share_of_truth_frac"), rows=rows)


def trials_table(trials: Sequence[Trial], chosen: str, budget: Budget) -> FigureTable:
    """List the trials: outcome, tuning score with its interval, size and latency."""
    rows = tuple(
        (
            trial.name,
            "shipped" if trial.name == chosen else "refused" if trial.refusal(budget) else "may ship",
            trial.tuning_score.value,
            trial.tuning_score.low,
            trial.tuning_score.high,
            trial.profile.size_kib.value,
            trial.profile.latency_p50_ms.value,
            trial.profile.latency_p90_ms.value,
        )
        for trial in trials
    )
    names = ("trial", "outcome", "tuning_score", "low", "high", "size_kib", "latency_p50_ms", "latency_p90_ms")
    return FigureTable(columns=names, rows=rows)
