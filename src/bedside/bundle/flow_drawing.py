"""Boxes and arrows as a small inline SVG, in the manner of a flow chart; colours are left to the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_LINE_PX, _PAD_PX, _WIDTH_PX = 17, 9, 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box of text: the first line is its heading; a `beside` box is a way out, fed from its left."""

    x: float
    y: float
    width: float
    lines: tuple[str, ...]
    beside: bool = False

    @property
    def height(self) -> float:
        """Height that its lines need."""
        return len(self.lines) * _LINE_PX + 2 * _PAD_PX

    @property
    def middle(self) -> float:
        """Horizontal middle."""
        return self.x + self.width / 2


def boxes_svg(boxes: Sequence[Box], *, name: str, alt: str) -> str:
    """Draw boxes; each is joined to the row above it, a `beside` box to the box on its left.

    Parameters
    ----------
    boxes
        In pixels of a drawing that is 480 wide.
    name, alt
        Class of the element, and what a reader who cannot see it is told.
    """
    height = max(box.y + box.height for box in boxes) + 2
    parts = [_box(box) for box in boxes]
    for box in boxes:
        parts += [_arrow(above, box) for above in _sources(box, boxes)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {_WIDTH_PX + 2} {height:g}" role="img" '
        f'aria-label="{escape(alt)}" class="figure figure-{escape(name)}" style="max-width:{_WIDTH_PX * 1.3:g}px" '
        'font-family="system-ui, sans-serif" font-size="13" fill="currentColor">' + "".join(parts) + "</svg>"
    )


def _sources(box: Box, boxes: Sequence[Box]) -> list[Box]:
    """Boxes that an arrow comes from: the one on the left, else the row above (the last of it where it forks)."""
    if box.beside:
        return [other for other in boxes if other.y == box.y and other.x < box.x][:1]
    above = [other for other in boxes if other.y < box.y and not other.beside]
    if not above:
        return []
    row = [other for other in above if other.y == max(o.y for o in above)]
    return row[-1:]


def _box(box: Box) -> str:
    bold = ' font-weight="650"'
    lines = "".join(
        f'<text x="{box.middle:g}" y="{box.y + _PAD_PX + 13 + i * _LINE_PX:g}" text-anchor="middle"'
        f"{'' if i else bold}>{escape(line)}</text>"
        for i, line in enumerate(box.lines)
    )
    return (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="6" fill="none" '
        f'stroke="currentColor" stroke-opacity=".55"/>{lines}'
    )


def _arrow(source: Box, target: Box) -> str:
    if target.beside:
        y = source.y + source.height / 2
        return _line(source.x + source.width, y, target.x, y)
    x_from = min(max(target.middle, source.x + 12), source.x + source.width - 12)
    x_to = min(max(x_from, target.x + 12), target.x + target.width - 12)
    return _line(x_from, source.y + source.height, x_to, target.y)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    """Draw a straight or elbowed line with a head."""
    down = abs(x2 - x1) < abs(y2 - y1) or (x1 != x2 and y1 != y2)
    middle = (y1 + y2) / 2
    path = f"M{x1:g} {y1:g}" + (f"V{middle:g}H{x2:g}V{y2:g}" if down else f"H{x2:g}")
    head = f"M{x2 - 4:g} {y2 - 6:g}L{x2:g} {y2:g}L{x2 + 4:g} {y2 - 6:g}"
    if not down:
        head = f"M{x2 - 6:g} {y2 - 4:g}L{x2:g} {y2:g}L{x2 - 6:g} {y2 + 4:g}"
    return f'<path d="{path}{head}" fill="none" stroke="currentColor" stroke-opacity=".75"/>'
