"""Line charts as plain SVG text: nothing to install, so the ward can draw too."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bedside.base.estimate import Estimate

_WIDTH, _HEIGHT = 300, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 10, 26, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series: an estimate at each tick, drawn with its interval.

    Parameters
    ----------
    style
        Number of the style, 0 to 5: colour and dashes, so that lines are told apart without colour too.
    """

    name: str
    points: tuple[Estimate, ...]
    style: int = 0


def line_chart(title: str, ticks: Sequence[str], lines: Sequence[Line], *, x_label: str, low: float = 0.0) -> str:
    """Draw lines over evenly spaced ticks, from `low` to 1.

    Returns
    -------
    str
        An ``<svg>`` element whose colours are the classes ``s0`` to ``s5`` of the page, with a text alternative.
    """
    said = "; ".join(f"{line.name}: " + ", ".join(f"{p.value:.3f}" for p in line.points) for line in lines)
    alternative = f"{title}. {x_label} {', '.join(ticks)}. {said}"
    frame = _Frame(len(ticks), low)
    parts = [frame.axes(ticks, x_label)]
    parts += [frame.series(line) for line in lines]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(alternative)}</title>"
        f'<text x="{_LEFT}" y="14" class="t">{escape(title)}</text>{"".join(parts)}</svg>'
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """From tick numbers and values to places."""

    n_ticks: int
    low: float

    def x(self, tick: int) -> float:
        return _LEFT + 8 + tick * (_WIDTH - _LEFT - _RIGHT - 16) / max(1, self.n_ticks - 1)

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), 1) - self.low) / (1 - self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def axes(self, ticks: Sequence[str], x_label: str) -> str:
        parts = []
        for i in range(6):
            value = self.low + i * (1 - self.low) / 5
            y = self.y(value)
            parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="g"/>')
            parts.append(f'<text x="{_LEFT - 4}" y="{y + 3:.1f}" text-anchor="end">{value:.1f}</text>')
        for i, tick in enumerate(ticks):
            place = f'x="{self.x(i):.1f}" y="{_HEIGHT - _BOTTOM + 12}"'
            parts.append(f'<text {place} text-anchor="middle">{escape(tick)}</text>')
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        parts.append(f'<text x="{middle:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">{escape(x_label)}</text>')
        return "".join(parts)

    def series(self, line: Line) -> str:
        known = [(self.x(i), p) for i, p in enumerate(line.points) if p.value == p.value]
        if not known:
            return ""
        upper = [f"{x:.1f},{self.y(p.high):.1f}" for x, p in known]
        lower = [f"{x:.1f},{self.y(p.low):.1f}" for x, p in reversed(known)]
        middle = " ".join(f"{x:.1f},{self.y(p.value):.1f}" for x, p in known)
        dots = "".join(f'<circle cx="{x:.1f}" cy="{self.y(p.value):.1f}" r="2"/>' for x, p in known)
        band = f'<polygon points="{" ".join([*upper, *lower])}" class="b"/>'
        return f'<g class="s{line.style}">{band}<polyline points="{middle}"/>{dots}</g>'
