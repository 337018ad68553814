"""Decision curve and reliability of shipped model and reference, with 95 % bands by patient."""

from typing import TYPE_CHECKING

import numpy as np

from bedside.bundle.canvas import BLUE, GREEN, INK, VERMILLION, draw
from bedside.bundle.report_figure import FigureTable, ReportFigure
from bedside.bundle.wording import shortened
from bedside.verify.usefulness import Usefulness

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def decision_figure(found: Usefulness) -> ReportFigure:
    """Draw net benefit against the threshold, beside treating all and treating none."""
    shipped, reference = found.decision["shipped"], found.decision["reference"]

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        at = [point.threshold_prob for point in shipped]
        low, high = ([getattr(point.model, end) for point in shipped] for end in ("low", "high"))
        axes.axhline(0, color=INK, linewidth=0.9, label="treat none")
        axes.plot(at, [p.treat_all.value for p in shipped], color=GREEN, linewidth=1.2, linestyle=(0, (1, 1.5)),
                  label="treat all")  # fmt: skip
        axes.fill_between(at, low, high, color=BLUE, alpha=0.15, linewidth=0)
        axes.plot(at, [p.model.value for p in reference], color=VERMILLION, linewidth=1.2, linestyle=(0, (5, 2)),
                  label="reference")  # fmt: skip
        axes.plot(at, [p.model.value for p in shipped], color=BLUE, linewidth=1.8, label="shipped")
        top = max(found.prevalence_frac, *(p.model.value for p in shipped))
        axes.set(xlabel="threshold probability", ylabel="net benefit a patient", xlim=(0, 1),
                 ylim=(-0.35 * top - 0.01, 1.15 * top + 0.01))  # fmt: skip
        axes.grid(visible=True)
        axes.legend(loc="upper right")

    rows = tuple(
        (name, p.threshold_prob, p.model.value, p.model.low, p.model.high, p.treat_all.value, p.model_minus_all.value,
         p.model_minus_all.low, p.model_minus_all.high)
        for name, curve in found.decision.items()
        for p in curve
    )  # fmt: skip
    names = ("model", "threshold_prob", "net_benefit", "low", "high", "treat_all", "less_treat_all",
             "less_treat_all_low", "less_treat_all_high")  # fmt: skip
    return ReportFigure(
        name="decision-curve",
        title="Decision curve",
        caption=f"Decision curve on the sealed test, “{found.positive}” against the rest: true positives less false "
        "ones at the price that the threshold sets.",
        svg=draw(
            paint, name="decision", height_in=4.0,
            alt="Decision curve: net benefit of shipped model and reference against the threshold probability, beside "
            "treating all and none",
        ),
        table=FigureTable(columns=names, rows=rows),
    )  # fmt: skip


def reliability_figure(found: Usefulness) -> ReportFigure:
    """Draw observed share against probability in bins of equal mass, for both models."""

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.7, linestyle=(0, (4, 3)), label="perfect")
        for name, color, line, shift in (("reference", VERMILLION, (0, (5, 2)), 0.004), ("shipped", BLUE, "-", 0.0)):
            bins = found.reliability[name]
            at, value = np.array([b.mean_prob for b in bins]) + shift, np.array([b.observed.value for b in bins])
            spread = [value - [b.observed.low for b in bins], [b.observed.high for b in bins] - value]
            axes.errorbar(at, value, yerr=spread, color=color, marker="o" if name == "shipped" else "s", markersize=4,
                          linewidth=1.3, linestyle=line, elinewidth=0.9, capsize=2, label=name)  # fmt: skip
        axes.set(xlabel=f"predicted probability of {shortened(found.positive, 24)}", ylabel="observed share",
                 xlim=(-0.01, 1.01), ylim=(-0.03, 1.03))  # fmt: skip
        axes.grid(visible=True)
        axes.legend(loc="upper left")

    rows = tuple(
        (name, b.mean_prob, b.observed.value, b.observed.low, b.observed.high, b.n_cases)
        for name, bins in found.reliability.items()
        for b in bins
    )
    return ReportFigure(
        name="reliability-of-both",
        title="Reliability of both models",
        caption=f"Reliability of the probability of “{found.positive}” in bins of equal mass; 95 % whiskers.",
        svg=draw(
            paint, name="both", height_in=4.0,
            alt=f"Reliability diagram of shipped model and reference for {found.positive}, with 95 % intervals",
        ),
        table=FigureTable(
            columns=("model", "mean_prob", "observed_frac", "low_frac", "high_frac", "n_cases"), rows=rows
        ),
    )  # fmt: skip
