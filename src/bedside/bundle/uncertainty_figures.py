"""Pictures of sets and referral: risk against the share answered, coverage by class, sizes of the sets."""

from typing import TYPE_CHECKING

import numpy as np

from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.bundle.canvas import BLUE, INK, VERMILLION, draw
from bedside.bundle.report_figure import FigureTable, ReportFigure
from bedside.bundle.wording import percent, shortened
from bedside.verify.abstention import AbstentionEvidence, RiskPoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_CLASSES = 12


def risk_figure(found: AbstentionEvidence) -> ReportFigure:
    """Draw the share of wrong answers against the share of cases answered, surest first, for both models."""

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        styles = {"reference": (VERMILLION, (0, (5, 2)), 1.2), "shipped": (BLUE, "-", 1.8)}
        for name, (color, line, width) in styles.items():
            _band(axes, found.curves[name], color, line, width, name)
        top = max(point.error_frac.high for point in found.curves["shipped"][1:] or found.curves["shipped"])
        for rule, outcome in zip(found.rule.selective, found.outcomes, strict=True):
            if outcome.error_frac.value == outcome.error_frac.value:
                axes.plot(
                    [outcome.answered_frac.value], [outcome.error_frac.value], "o", color=INK, markersize=6,
                    markerfacecolor="none", markeredgewidth=1.4,
                )  # fmt: skip
                axes.annotate(
                    f"{100 * rule.max_error_frac:g} %", (outcome.answered_frac.value, outcome.error_frac.value),
                    xytext=(0, 8), textcoords="offset points", ha="center", fontsize=8,
                )  # fmt: skip
        axes.plot([], [], "o", color=INK, markerfacecolor="none", label="rule fitted for a bound")
        axes.set(
            xlabel="share of cases answered, surest first", ylabel="share of wrong answers", xlim=(-0.01, 1.02),
            ylim=(-0.004, min(1.0, max(0.05, 1.05 * top))),
        )  # fmt: skip
        axes.grid(visible=True)
        axes.legend(loc="upper left")

    rows = tuple(
        (name, p.answered_frac, p.least_confidence, p.error_frac.value, p.error_frac.low, p.error_frac.high)
        for name, curve in found.curves.items()
        for p in curve
    )
    last = {name: percent(curve[-1].error_frac.value) for name, curve in found.curves.items()}
    return ReportFigure(
        name="risk-coverage",
        title="Risk-coverage curve",
        caption="Wrong answers if only the surest cases are answered; 95 % bands by patient. Circles: the rules, each "
        "under the bound that it was fitted for on tuning.",
        svg=draw(
            paint,
            name="risk",
            alt="Share of wrong answers against the share of cases answered; with all of them answered it is "
            f"{last['shipped']} for the shipped model and {last['reference']} for the reference",
        ),
        table=FigureTable(
            columns=("model", "answered_frac", "least_confidence", "error_frac", "low_frac", "high_frac"), rows=rows
        ),
    )


def _band(axes: "Axes", curve: tuple[RiskPoint, ...], color: str, line: object, width: float, name: str) -> None:
    x = [point.answered_frac for point in curve]
    if name == "shipped":
        low, high = ([getattr(p.error_frac, end) for p in curve] for end in ("low", "high"))
        axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
    axes.plot(x, [p.error_frac.value for p in curve], color=color, linestyle=line, linewidth=width, label=name)


def coverage_figure(found: AbstentionEvidence, task: Task) -> ReportFigure:
    """Draw coverage by class with its promise, and how many classes the sets hold."""
    names = list(task.classes)[:MAX_CLASSES]
    rows: list[tuple[str, Estimate]] = [(name, found.coverage.by_class[k]) for k, name in enumerate(names)]
    rows.append(("all cases", found.coverage.coverage))
    promised, n_sizes = found.rule.sets.coverage_frac, len(found.n_by_size)

    def paint(figure: "Figure") -> None:
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        for i, (_, estimate) in enumerate(rows):
            if estimate.value == estimate.value:
                left.plot([estimate.low, estimate.high], [i, i], color=BLUE, linewidth=1.4)
                left.plot([estimate.value], [i], "o" if i < len(names) else "D", color=BLUE, markersize=5)
        left.axvline(promised, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        lowest = min([promised, *(e.low for _, e in rows if e.value == e.value)])
        left.set_yticks(range(len(rows)), [shortened(name, 16) for name, _ in rows])
        left.set(xlabel="coverage", xlim=(max(-0.01, lowest - 0.05), 1.01), ylim=(len(rows) - 0.5, -0.5))
        left.grid(visible=True, axis="x")
        shares = np.array(found.n_by_size) / max(1, sum(found.n_by_size))
        right.bar(range(n_sizes), shares, color=BLUE, alpha=0.6, width=0.7)
        right.set_xticks(range(n_sizes))
        right.set(xlabel="classes in the set", ylabel="share of cases", ylim=(0, 1))

    said = "; ".join(f"{name} {percent(estimate.value)}" for name, estimate in rows)
    table = [("coverage", name, e.value, e.low, e.high) for name, e in rows]
    table += [("sets of size", str(k), n, "", "") for k, n in enumerate(found.n_by_size)]
    return ReportFigure(
        name="prediction-sets",
        title="Coverage of the prediction sets",
        caption=f"Left: share of cases whose set holds the truth (dashed: promised {percent(promised)}). Right: how "
        "many classes a set holds.",
        svg=draw(
            paint, name="sets", alt=f"Coverage of the prediction sets, promised {percent(promised)}: {said}",
            width_in=4.6, height_in=max(3.6, 1.6 + 0.3 * len(rows)),
        ),
        table=FigureTable(columns=("what", "which", "value", "low", "high"), rows=tuple(table)),
    )  # fmt: skip
