"""A search at a glance: every trial's quality against a cost, the front as a staircase."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.bundle.canvas import BLUE, INK, ORANGE, VERMILLION, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One trial in the figure."""

    cost: float
    quality: float
    is_on_front: bool
    fits: bool
    is_measured: bool


def search_svg(spots: Sequence[Spot], *, metric: str, cost_label: str, ceiling: float | None) -> str:
    """Draw trials: the front in colour with its staircase, measured ones filled, what does not fit in grey.

    The front is that of all objectives, so that a trial may be on it for a cost that this figure does not show.
    """

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for label, members, style in _groups(spots):
            axes.plot([s.cost for s in members], [s.quality for s in members], label=label, linestyle="none", **style)
        _staircase(axes, [s for s in spots if s.is_on_front])
        if spots and max(s.cost for s in spots) > 6 * min(s.cost for s in spots) > 0:
            axes.set_xscale("log")
        if ceiling is not None:
            axes.axvline(ceiling, color=ORANGE, linestyle=(0, (5, 3)), linewidth=1.2, label=f"ceiling {ceiling:,g}")
        axes.set(xlabel=cost_label, ylabel=f"tuning {metric}")
        axes.grid(visible=True)
        if spots:
            figure.legend(loc="outside upper left", ncols=2, handlelength=1.4, columnspacing=1.2)

    n_front = sum(spot.is_on_front for spot in spots)
    alt = f"{len(spots)} trials of a search, tuning {metric} against {cost_label}; {n_front} are on the front"
    return draw(paint, name="search-" + cost_label.partition(",")[0].replace(" ", "-"), alt=alt, height_in=4.1)


def _groups(spots: Sequence[Spot]) -> list[tuple[str, list[Spot], dict]]:
    round_ = {"marker": "o", "markersize": 5}
    groups = [
        ("does not fit", [s for s in spots if not s.fits], {**round_, "color": INK, "alpha": 0.5}),
        (
            "fits, cost predicted",
            [s for s in spots if s.fits and not s.is_on_front and not s.is_measured],
            {**round_, "color": BLUE, "markerfacecolor": "none"},
        ),
        (
            "fits, cost measured",
            [s for s in spots if s.fits and not s.is_on_front and s.is_measured],
            {**round_, "color": BLUE},
        ),
        (
            "front", [s for s in spots if s.is_on_front],
            {"marker": "D", "markersize": 6, "color": VERMILLION},
        ),
    ]  # fmt: skip
    return [group for group in groups if group[1]]


def _staircase(axes: "Axes", front: Sequence[Spot]) -> None:
    best, steps = float("-inf"), []
    for spot in sorted(front, key=lambda s: (s.cost, -s.quality)):
        if spot.quality > best:
            best = spot.quality
            steps.append((spot.cost, best))
    if len(steps) > 1:
        axes.step(*zip(*steps, strict=True), where="post", color=VERMILLION, linewidth=1.0, alpha=0.6)
