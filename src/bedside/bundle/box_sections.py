"""The report's section on detection: the free-response curve, and PPV by sensitivity of each kind of object."""

from typing import TYPE_CHECKING

from bedside.bundle.canvas import BLUE, CYCLE, INK, draw
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figure import FigureTable, ReportFigure
from bedside.bundle.section import Section
from bedside.bundle.wording import shortened
from bedside.verify.box_evidence import FROC_CURVE, PPV_CURVE
from bedside.verify.froc import FALSE_POSITIVE_RATES
from bedside.verify.measured import MeasuredEvidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_CURVES = 6


def detection_section(data: ReportData) -> Section | None:
    """Curves of the shipped model on the sealed test; None where the task is no detection."""
    evidence = data.evidence
    if data.task.kind != "detection" or not isinstance(evidence, MeasuredEvidence):
        return None
    return Section(
        anchor="detection",
        title="Detection: what is found, and at what price",
        short="Detection",
        template="section_detection.html.j2",
        view={"thresholds": list(zip(data.task.classes, data.chosen.point.thresholds_prob, strict=True))},
        figures=(_froc(evidence), _ppv(data, evidence)),
    )


def _froc(evidence: MeasuredEvidence) -> ReportFigure:
    points = evidence.curves.get(FROC_CURVE, ())
    locked = [evidence.shipped.values[name].value for name in ("false_positives", "sensitivity")]
    low, high = FALSE_POSITIVE_RATES[0] / 2, FALSE_POSITIVE_RATES[-1] * 2

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        x, y = zip(*points, strict=True) if points else ((), ())
        axes.step([max(value, low) for value in x], y, where="post", color=BLUE, linewidth=1.8, label="shipped")
        axes.plot(
            [max(locked[0], low)], [locked[1]], marker="o", markersize=7, markerfacecolor="none", markeredgecolor=INK,
            markeredgewidth=1.8, linestyle="none", label="locked threshold",
        )  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_xticks(FALSE_POSITIVE_RATES, ["1/8", "1/4", "1/2", "1", "2", "4", "8"])
        axes.set(xlabel="false positives an image", ylabel="sensitivity", xlim=(low, high), ylim=(0, 1.02))
        axes.grid(visible=True)
        axes.legend(loc="lower right")

    mean = evidence.shipped.values["froc"]
    return ReportFigure(
        name="froc",
        title="Free-response curve",
        caption=f"Sensitivity by false positives an image on the sealed test, all kinds of object together, at an IoU "
        f"of 0.5; the mean over 1/8 to 8 is {mean}.",
        svg=draw(paint, name="froc", alt=f"Free-response curve of the shipped model: mean sensitivity {mean}"),
        table=FigureTable(columns=("false_positives_per_image", "sensitivity"), rows=points),
    )


def _ppv(data: ReportData, evidence: MeasuredEvidence) -> ReportFigure:
    curves = {name: evidence.curves.get(PPV_CURVE + name, ()) for name in data.task.classes}
    shown = sorted((name for name in curves if curves[name]), key=lambda name: -len(curves[name]))[:_MOST_CURVES]

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for color, name in zip(CYCLE, shown, strict=False):
            x, y = zip(*curves[name], strict=True)
            axes.plot(x, y, color=color, linewidth=1.6, label=shortened(name))
        axes.set(xlabel="sensitivity", ylabel="PPV", xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
        axes.grid(visible=True)
        if shown:
            axes.legend(loc="lower left")

    return ReportFigure(
        name="ppv-by-sensitivity",
        title="PPV by sensitivity",
        caption="PPV by sensitivity of the shipped model on the sealed test, at an IoU of 0.5.",
        svg=draw(paint, name="ppv-by-sensitivity", alt=f"PPV by sensitivity for {', '.join(shown) or 'no class'}"),
        table=FigureTable(
            columns=("class", "sensitivity", "ppv"),
            rows=tuple((name, *point) for name in curves for point in curves[name]),
        ),
    )
