"""What the shipped model does on the sealed test, as pictures: ROC, reliability and confusion."""

from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.task import Task
from bedside.bundle.canvas import BLUE, CYCLE, INK, VERMILLION, draw
from bedside.bundle.curves import looked_at, reliability_bins, roc_band, roc_points
from bedside.bundle.wording import shortened
from bedside.verify.metrics import auroc
from bedside.verify.noninferiority import auroc_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_CURVES = 10
_MAX_CLASSES_WITH_SHARES = 12


def roc_curve_svg(
    task: Task,
    labels: IntArray,
    shipped: FloatArray,
    reference: FloatArray,
    *,
    threshold_prob: float | None = None,
    seed: int = 0,
) -> str:
    """Draw ROC curves of shipped model and reference.

    With two classes the shipped curve carries a pointwise bootstrap band (by case) and the operating point; with more
    there is one curve a class against the rest, the reference dotted, for ten classes at most.

    Parameters
    ----------
    labels
        ``(n,)`` true classes.
    shipped, reference
        ``(n, K)`` probabilities of the same cases.
    """

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
        if task.is_binary:
            _two_curves(axes, labels == task.positive, shipped[:, task.positive], reference[:, task.positive], seed)
            _operating_point(axes, labels == task.positive, shipped[:, task.positive], threshold_prob)
        else:
            _curve_a_class(axes, task, labels, shipped, reference)
        axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set_aspect("equal")
        axes.grid(visible=True)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower right")

    what = f"{task.positive_name} against the rest" if task.is_binary else "each class against the rest"
    areas = ", ".join(f"AUROC {auroc_of(task, labels, p):.3f}" for p in (shipped, reference))
    alt = f"ROC curves of the shipped model and of the reference, {what}: {areas}".replace("nan", "not estimable")
    return draw(paint, name="roc", alt=alt, height_in=4.5)


def _two_curves(axes: "Axes", positive: BoolArray, shipped: FloatArray, reference: FloatArray, seed: int) -> None:
    if positive.all() or not positive.any():
        axes.text(0.5, 0.5, "not estimable: one class only", ha="center", va="bottom")
        return
    band = roc_band(positive, shipped, seed=seed)
    axes.fill_between(band.grid, band.low, band.high, color=BLUE, alpha=0.15, linewidth=0, label="95 % band, shipped")
    axes.plot(
        *roc_points(positive, reference),
        color=VERMILLION,
        linewidth=1.2,
        linestyle=(0, (5, 2)),
        label=f"reference, AUROC {auroc(positive, reference):.3f}",
    )
    axes.plot(
        *roc_points(positive, shipped),
        color=BLUE,
        linewidth=1.8,
        label=f"shipped, AUROC {auroc(positive, shipped):.3f}",
    )


def _operating_point(axes: "Axes", positive: BoolArray, score: FloatArray, threshold_prob: float | None) -> None:
    if threshold_prob is None or positive.all() or not positive.any():
        return
    called = score >= threshold_prob
    axes.plot(
        [called[~positive].mean()],
        [called[positive].mean()],
        marker="o",
        markersize=7,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=1.8,
        linestyle="none",
        label=f"operating point, {threshold_prob:.3f}",
    )


def _curve_a_class(axes: "Axes", task: Task, labels: IntArray, shipped: FloatArray, reference: FloatArray) -> None:
    for rank, k in enumerate(classes_shown(task, labels)):
        positive, color = labels == k, CYCLE[rank % len(CYCLE)]
        if positive.all() or not positive.any():
            continue
        axes.plot(
            *roc_points(positive, reference[:, k]), color=color, linewidth=0.9, linestyle=(0, (1, 1.5)), alpha=0.8
        )
        axes.plot(
            *roc_points(positive, shipped[:, k]),
            color=color,
            linewidth=1.6,
            linestyle="-" if rank < len(CYCLE) else (0, (6, 2)),
            label=f"{shortened(task.classes[k])}, {auroc(positive, shipped[:, k]):.3f}",
        )
    axes.plot([], [], color=INK, linewidth=0.9, linestyle=(0, (1, 1.5)), label="dotted: reference")


def classes_shown(task: Task, labels: IntArray) -> list[int]:
    """List the class that is looked for, then the others, most frequent first; ten at most."""
    counts = np.bincount(labels, minlength=task.n_classes)
    order = sorted(range(task.n_classes), key=lambda k: (k != task.positive, -counts[k], k))
    return order[:MAX_CURVES]


def reliability_svg(task: Task, labels: IntArray, probabilities: FloatArray, *, n_bins: int = 10) -> str:
    """Draw promised against observed frequency in bins of equal mass, and the histogram of the probabilities.

    With two classes the probability is that of the positive class; with more, that of the most probable class.

    Parameters
    ----------
    labels, probabilities
        ``(n,)`` and ``(n, K)``.
    """
    hit, score = looked_at(task, labels, probabilities)
    what = f"share of {task.positive_name}" if task.is_binary else "share called rightly"
    bins = reliability_bins(hit, score, n_bins=n_bins)

    def paint(figure: "Figure") -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        top.plot([0, 1], [0, 1], color=INK, linewidth=0.7, linestyle=(0, (4, 3)), label="perfect")
        value = np.array([b.observed.value for b in bins])
        spread = [value - [b.observed.low for b in bins], [b.observed.high for b in bins] - value]
        promised = [b.promised_prob for b in bins]
        top.errorbar(
            promised,
            value,
            yerr=spread,
            color=BLUE,
            marker="o",
            markersize=4,
            linewidth=1.2,
            elinewidth=1,
            capsize=2,
            label=f"shipped, {len(bins)} bins of equal mass",
        )
        top.set(ylabel=shortened(what, 34), xlim=(-0.01, 1.01), ylim=(-0.03, 1.03))
        top.legend(loc="upper left")
        bottom.hist(score, bins=np.linspace(0, 1, 31), color=BLUE, alpha=0.55)
        bottom.set(xlabel="predicted probability", ylabel="cases")
        top.grid(visible=True)

    return draw(
        paint,
        name="reliability",
        alt="Reliability diagram of the shipped model with 95 % intervals, and the histogram of its probabilities",
        height_in=4.5,
    )


def confusion_svg(task: Task, confusion: tuple[tuple[int, ...], ...]) -> str:
    """Draw the confusion matrix: counts and, for up to twelve classes, percentages of each row.

    Parameters
    ----------
    confusion
        ``[true][called]``.
    """
    counts = np.array(confusion, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    n = task.n_classes
    side_in = 3.2 if n <= 3 else min(9.0, 2.0 + 0.62 * n)

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for t in range(n):
            for c in range(n):
                axes.fill_between(
                    [c - 0.48, c + 0.48], t - 0.48, t + 0.48, color=BLUE, alpha=0.06 + 0.4 * shares[t, c], linewidth=0
                )
                share = f"\n{100 * shares[t, c]:.1f} %" if n <= _MAX_CLASSES_WITH_SHARES else ""
                axes.text(
                    c,
                    t,
                    f"{confusion[t][c]:,}{share}",
                    ha="center",
                    va="center",
                    fontsize=12 if n <= 3 else 9 if n <= 8 else 7,
                )
        names = [shortened(name, 16) for name in task.classes]
        axes.set_xticks(range(n), names, rotation=0 if n <= 3 else 45, ha="center" if n <= 3 else "right")
        axes.set_yticks(range(n), names)
        axes.set(xlabel="called", ylabel="truth", xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
        axes.set_aspect("equal")
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)

    alt = "Confusion matrix of the shipped model, counts and row percentages; " + "; ".join(
        f"{name}: {sum(row)} cases, {row[k]} called rightly"
        for k, (name, row) in enumerate(zip(task.classes, confusion, strict=True))
    )
    return draw(paint, name="confusion", alt=alt, width_in=side_in + 0.4, height_in=side_in)
