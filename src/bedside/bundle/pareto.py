"""Every trial at a glance: what it costs against how well it tells the classes apart on tuning."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from bedside.base.budget import Budget
from bedside.bundle.canvas import BLUE, GREEN, INK, ORANGE, VERMILLION, draw
from bedside.bundle.wording import shortened, three_digits
from bedside.verify.profiling import Profile, Quantity
from bedside.verify.selection import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Cost = Literal["size", "latency"]

_LABELS = {"size": "size, KiB", "latency": "latency, ms (p50; whisker to p90)"}
_LIMITS = {"size": "size_kib", "latency": "latency_ms"}
_LOG_SPAN = 6
_FAR = 3


def pareto_svg(
    trials: Sequence[Trial],
    chosen: str,
    budget: Budget,
    reference: Profile,
    *,
    cost: Cost,
    reference_score: float = math.nan,
) -> str:
    """Draw the tuning score with its interval against a cost, every trial once.

    The chosen trial is labelled, refused ones are hollow and grey, the reference is a star, a ceiling a dashed line.

    Parameters
    ----------
    chosen
        Name of the trial that ships.
    reference_score
        Of the reference on tuning; NaN where it is not known, and then there is no star.
    """
    metric = trials[0].metric if trials else "AUROC"
    shown = [trial for trial in trials if not math.isnan(trial.tuning_score.value)]

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for label, members, style in _groups(shown, chosen, budget):
            _points(axes, members, cost, label, style)
        costs = [_quantity(trial.profile, cost).value for trial in shown]
        _scale(axes, costs)
        _star(axes, _quantity(reference, cost).value, reference_score, costs)
        _ceiling(axes, budget.limits().get(_LIMITS[cost]), cost)
        axes.set(xlabel=_LABELS[cost], ylabel=f"tuning {metric}")
        axes.grid(visible=True)
        axes.margins(x=0.1, y=0.06)
        figure.legend(loc="outside upper left", ncols=2, handlelength=1.4, columnspacing=1.2)

    alt = f"All {len(shown)} trials: tuning {metric} against {_LABELS[cost]}; {chosen} was chosen"
    return draw(paint, name=f"pareto-{cost}", alt=alt, height_in=4.1)


def _groups(trials: Sequence[Trial], chosen: str, budget: Budget) -> list[tuple[str, list[Trial], dict[str, Any]]]:
    refused = [t for t in trials if t.name != chosen and t.refusal(budget)]
    able = [t for t in trials if t.name != chosen and not t.refusal(budget)]
    grey = {"color": INK, "marker": "o", "markersize": 5, "markerfacecolor": "none", "alpha": 0.75}
    groups = [
        ("refused", refused, grey),
        ("may ship", able, {"color": BLUE, "marker": "o", "markersize": 5}),
        (
            f"chosen: {shortened(chosen, 22)}",
            [t for t in trials if t.name == chosen],
            {"color": VERMILLION, "marker": "D", "markersize": 7},
        ),
    ]
    return [group for group in groups if group[1]]


def _points(axes: "Axes", trials: Sequence[Trial], cost: Cost, label: str, style: dict[str, Any]) -> None:
    x = [_quantity(t.profile, cost).value for t in trials]
    y = [t.tuning_score.value for t in trials]
    up_down = [
        [t.tuning_score.value - t.tuning_score.low for t in trials],
        [t.tuning_score.high - t.tuning_score.value for t in trials],
    ]
    to_p90 = None
    if cost == "latency":
        to_p90 = [
            [0.0] * len(x),
            [max(0.0, t.profile.latency_p90_ms.value - v) for t, v in zip(trials, x, strict=True)],
        ]
    axes.errorbar(x, y, yerr=up_down, xerr=to_p90, linestyle="none", elinewidth=0.9, capsize=0, label=label, **style)


def _quantity(profile: Profile, cost: Cost) -> Quantity:
    return profile.size_kib if cost == "size" else profile.latency_p50_ms


def _scale(axes: "Axes", values: Sequence[float]) -> None:
    """Use a logarithmic axis with plain numbers where the costs span much."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if not values or min(values) <= 0 or max(values) < _LOG_SPAN * min(values):
        return
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(values) < 100 * min(values) else (1,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def _ceiling(axes: "Axes", ceiling: float | None, cost: Cost) -> None:
    """Mark a budget's ceiling, unless it is so far off that it would squeeze the trials together."""
    if ceiling is None:
        return
    label = f"ceiling {ceiling:,g}" + (" on p90" if cost == "latency" else "")
    if ceiling > _FAR * axes.get_xlim()[1]:
        axes.plot([], [], color=ORANGE, linestyle=(0, (5, 3)), label=f"{label} →")
    else:
        axes.axvline(ceiling, color=ORANGE, linestyle=(0, (5, 3)), linewidth=1.2, label=label)


def _star(axes: "Axes", x: float, score: float, costs: Sequence[float]) -> None:
    """Mark the reference; one that is many times as dear stands at the edge, where it squeezes nobody."""
    if math.isnan(score):
        return
    star: dict[str, Any] = {"marker": "*", "markersize": 12, "color": GREEN, "linestyle": "none"}
    if costs and x > _FAR * max(costs):
        label = f"reference, at {three_digits(x)} →"
        axes.plot([1.0], [score], transform=axes.get_yaxis_transform(), clip_on=False, label=label, **star)
    else:
        axes.plot([x], [score], label="reference", **star)
