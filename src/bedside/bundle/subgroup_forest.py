"""Forest plot of subgroups: one row a group, one panel a figure, shipped model above reference."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.base.estimate import Estimate
from bedside.bundle.canvas import BLUE, INK, VERMILLION, draw
from bedside.bundle.report_figure import FigureTable, ReportFigure
from bedside.bundle.wording import shortened
from bedside.verify.subgroup_evidence import SubgroupEvidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {"auroc": "AUROC", "sensitivity": "sensitivity", "specificity": "specificity"}
MAX_ROWS = 60


@dataclass(frozen=True, slots=True)
class _Row:
    """A heading (no figures), or a group with the figures of both models."""

    name: str
    shipped: dict[str, Estimate]
    reference: dict[str, Estimate]
    n_patients: int = 0


def _rows(found: SubgroupEvidence) -> list[_Row]:
    rows: list[_Row] = []
    for pair in found.columns:
        rows.append(_Row(pair.column, {}, {}))
        for ours, theirs in zip(pair.shipped.groups, pair.reference.groups, strict=True):
            if not ours.note:
                rows.append(_Row(ours.name, ours.metrics, theirs.metrics, ours.n_patients))
    return rows


def forest_figure(found: SubgroupEvidence) -> ReportFigure:
    """Draw the groups that could be scored, `MAX_ROWS` at most; the table has all."""
    rows = _rows(found)[:MAX_ROWS]

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(1, len(PANELS), sharey=True)
        for axes, (metric, title) in zip(panels, PANELS.items(), strict=True):
            _panel(axes, rows, metric)
            axes.set(xlabel=title, ylim=(len(rows) - 0.4, -0.6))
            axes.grid(visible=True, axis="x")
        labels = [
            shortened(row.name, 22) if not row.shipped else f"{shortened(row.name, 16)}  ({row.n_patients:,})"
            for row in rows
        ]
        panels[0].set_yticks(range(len(rows)), labels)
        for tick, row in zip(panels[0].get_yticklabels(), rows, strict=True):
            tick.set_fontweight("normal" if row.shipped else "bold")
        panels[0].plot([], [], "o", color=BLUE, markersize=5, label="shipped")
        panels[0].plot([], [], "s", color=VERMILLION, markersize=4, markerfacecolor="none", label="reference")
        figure.legend(loc="outside upper left", ncols=2)

    return ReportFigure(
        name="subgroups",
        title="Forest plot of the subgroups",
        caption="Figures by subgroup with 95 % intervals by patient (patients in brackets). Many groups are looked at, "
        "and the intervals are not widened for it: expect one in twenty to miss.",
        svg=draw(
            paint, name="forest", alt=_alt(found), width_in=8.4, height_in=1.2 + 0.27 * len(rows),
        ),
        table=_table(found),
    )  # fmt: skip


def _panel(axes: "Axes", rows: list[_Row], metric: str) -> None:
    lowest = 1.0
    for i, row in enumerate(rows):
        for figures, color, marker, shift in ((row.shipped, BLUE, "o", -0.14), (row.reference, VERMILLION, "s", 0.16)):
            estimate = figures.get(metric)
            if estimate is None or estimate.value != estimate.value:
                continue
            lowest = min(lowest, estimate.low)
            axes.plot([estimate.low, estimate.high], [i + shift] * 2, color=color, linewidth=1.3)
            (dot,) = axes.plot([estimate.value], [i + shift], marker, color=color, markersize=4.5)
            dot.set_markerfacecolor("none" if marker == "s" else color)
        if not row.shipped and i:
            axes.axhline(i - 0.5, color=INK, linewidth=0.4)
    axes.set_xlim(max(0.0, lowest - 0.04) - 0.01, 1.04)


def _alt(found: SubgroupEvidence) -> str:
    worst = "; ".join(
        f"{pair.column}: AUROC lowest in {pair.shipped.worst['auroc']}, {pair.shipped.worst_metrics['auroc'].value:.3f}"
        for pair in found.columns
        if "auroc" in pair.shipped.worst
    )
    return f"Forest plot of AUROC, sensitivity and specificity by subgroup, shipped model and reference. {worst}"


def _table(found: SubgroupEvidence) -> FigureTable:
    rows = tuple(
        (pair.column, group.name, model, metric, estimate.value, estimate.low, estimate.high, group.n_cases,
         group.n_positive, group.n_patients)
        for pair in found.columns
        for model, report in (("shipped", pair.shipped), ("reference", pair.reference))
        for group in report.groups
        for metric, estimate in group.metrics.items()
    )  # fmt: skip
    names = ("column", "group", "model", "metric", "value", "low", "high", "n_cases", "n_positive", "n_patients")
    return FigureTable(columns=names, rows=rows)
