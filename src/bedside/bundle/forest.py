"""A forest plot: one line a finding, its estimate and interval, of shipped model and reference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.base.estimate import Estimate
from bedside.bundle.canvas import BLUE, INK, VERMILLION, draw
from bedside.bundle.wording import shortened, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_IN = 0.34


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One finding: how many known cases have it, of how many, and its figure; `is_average` parts it from the rest."""

    name: str
    counts: str
    shipped: Estimate
    reference: Estimate
    is_average: bool = False


def forest_svg(rows: Sequence[ForestRow], *, what: str, name: str = "forest") -> str:
    """Draw estimates with 95 % intervals, the first row on top; the interval of a figure that is unknown is not drawn.

    Parameters
    ----------
    what
        The figure, such as ``AUROC``.
    """

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for at, row in enumerate(rows):
            _line(axes, at - 0.14, row.shipped, BLUE, "o", row.is_average)
            _line(axes, at + 0.14, row.reference, VERMILLION, "s", row.is_average)
        for at in range(1, len(rows)):
            if rows[at].is_average and not rows[at - 1].is_average:
                axes.axhline(at - 0.5, color=INK, linewidth=0.6)
        axes.axvline(0.5, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
        axes.set_yticks(range(len(rows)), [f"{shortened(row.name, 24)}\n{row.counts}".rstrip() for row in rows])
        axes.tick_params(axis="y", length=0, labelsize=8.5)
        ends = [e.low for row in rows for e in (row.shipped, row.reference) if not math.isnan(e.value)]
        axes.set(xlim=(max(0.0, min([0.45, *ends]) - 0.02), 1.01), ylim=(len(rows) - 0.4, -0.6), xlabel=what)
        axes.grid(visible=True, axis="x")
        axes.plot([], [], color=BLUE, marker="o", label="shipped")
        axes.plot([], [], color=VERMILLION, marker="s", markerfacecolor="none", label="reference")
        figure.legend(loc="outside upper left", ncols=2, handlelength=1.6)

    told = "; ".join(f"{row.name} {with_interval(row.shipped)}" for row in rows)
    alt = f"{what} of each finding with 95 % intervals, shipped model: {told}"
    return draw(paint, name=name, alt=alt, width_in=5.4, height_in=1.0 + _ROW_IN * 1.25 * len(rows))


def _line(axes: "Axes", at: float, estimate: Estimate, color: str, marker: str, is_average: bool) -> None:
    if math.isnan(estimate.value):
        return
    axes.plot([estimate.low, estimate.high], [at, at], color=color, linewidth=1.3)
    face = color if marker == "o" else "none"
    shape = "D" if is_average else marker
    axes.plot([estimate.value], [at], color=color, marker=shape, markersize=5, markerfacecolor=face)
