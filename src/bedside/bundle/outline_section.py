"""The report's section on outlines: how Dice is spread over the cases, and whether sizes are right."""

import math
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.bundle.canvas import BLUE, VERMILLION, draw
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figure import FigureTable, ReportFigure
from bedside.bundle.section import Section
from bedside.verify.measured import MeasuredEvidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TRUE = "true size, "


def outlines_section(data: ReportData) -> Section | None:
    """Figures of a segmentation; None for other tasks."""
    evidence = data.evidence
    if data.task.kind != "segmentation" or not isinstance(evidence, MeasuredEvidence) or not evidence.per_case:
        return None
    sizes = [name for name in evidence.per_case if name.startswith(_TRUE)]
    return Section(
        anchor="outlines",
        title="Outlines case by case",
        short="Outlines",
        template="section_outlines.html.j2",
        view={"quartiles": _quartiles(np.array(evidence.per_case["dice"]))},
        figures=(_spread(evidence), *(_agreement(evidence, name) for name in sizes)),
        numbers={"per_case": evidence.per_case},
        starts_page=True,
    )


def _quartiles(dice: FloatArray) -> list[str]:
    known = dice[~np.isnan(dice)]
    return [f"{value:.2f}" for value in np.percentile(known, [0, 25, 50, 75, 100])] if len(known) else []


def _spread(evidence: MeasuredEvidence) -> ReportFigure:
    dice = np.array(evidence.per_case["dice"])
    known = dice[~np.isnan(dice)]

    def paint(figure: "Figure") -> None:
        box, bars = figure.subplots(2, 1, sharex=True, height_ratios=[1, 4])
        box.boxplot(known, orientation="horizontal", widths=0.6, medianprops={"color": VERMILLION})
        box.set_yticks([])
        bars.hist(known, bins=[i / 20 for i in range(21)], color=BLUE, alpha=0.8)
        bars.set(xlabel="Dice", ylabel="cases", xlim=(0, 1))

    low, middle, high = np.percentile(known, [25, 50, 75]) if len(known) else (math.nan,) * 3
    alt = f"Histogram and box of Dice over {len(known)} cases: quartiles {low:.2f}, {middle:.2f} and {high:.2f}"
    return ReportFigure(
        name="dice",
        title="Dice of the cases",
        caption="Dice of every case of the sealed test; the box spans the middle half.",
        svg=draw(paint, name="dice", alt=alt),
        table=FigureTable(columns=("case", "dice"), rows=tuple((i, float(v)) for i, v in enumerate(dice))),
    )


def _agreement(evidence: MeasuredEvidence, name: str) -> ReportFigure:
    """Bland and Altman's plot (Lancet 1986) of size: difference against mean, of the cases that have any."""
    what, _, unit = name.removeprefix(_TRUE).rpartition(", ")
    true, called = (np.array(evidence.per_case[f"{which} size, {what}, {unit}"]) for which in ("true", "called"))
    shown = (true > 0) | (called > 0)
    mean, apart = ((true + called) / 2)[shown], (called - true)[shown]
    bias, spread = (float(apart.mean()), float(apart.std())) if len(apart) else (0.0, 0.0)
    limits = (bias - 1.96 * spread, bias + 1.96 * spread)

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        axes.scatter(mean, apart, s=9, color=BLUE, alpha=0.6, linewidths=0)
        axes.axhline(bias, color=VERMILLION)
        for limit in limits:
            axes.axhline(limit, color=VERMILLION, linestyle="--", linewidth=0.8)
        axes.set(xlabel=f"mean of model and reference, {unit}", ylabel=f"model less reference, {unit}")

    kind = "Area" if unit in ("px", "mm²") else "Volume"
    between = f"{limits[0]:,.0f} to {limits[1]:,.0f} {unit}"
    slug = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in what.lower())
    return ReportFigure(
        name=f"size-{slug}",
        title=f"{kind} of {what}",
        caption=f"{kind} of {what}, model less reference: bias {bias:,.0f} {unit}; 95 % limits of agreement {between}.",
        svg=draw(paint, name=f"size-{slug}", alt=f"{kind} of {what}: bias {bias:,.0f} {unit}, limits {between}"),
        table=FigureTable(
            columns=("case", f"true_{unit}", f"called_{unit}"),
            rows=tuple((int(i), float(true[i]), float(called[i])) for i in np.flatnonzero(shown)),
        ),
    )
