"""The only file that knows matplotlib: figures are painted off screen and come out as small inline SVG."""

import re
import warnings
from collections.abc import Callable
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

from bedside.base.seam import Requirement, require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#6b7280"
"""Stands for the colour of text and axes while painting; leaves as ``currentColor``, so that the page decides."""

BLUE, VERMILLION, GREEN, ORANGE, SKY, PINK = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7"
"""Okabe and Ito's colours, told apart by colour-blind readers; a page may lighten the blue (``--figure-blue``)."""

CYCLE = (BLUE, VERMILLION, GREEN, PINK, ORANGE, SKY)

_PX_PER_PT = 1.6  # so that text of ten points is easy to read, and a figure never blown up
_WIDE_PX = 640  # a figure wider than this scrolls on a phone rather than shrink out of sight
_NEEDS = (Requirement("matplotlib", "bedside[workshop]"),)
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "grid.color": INK,
    "grid.alpha": 0.2,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "path.simplify_threshold": 0.3,
}


def draw(
    paint: Callable[["Figure"], None], *, name: str, alt: str, width_in: float = 4.6, height_in: float = 3.6
) -> str:
    """Paint one figure and return it as an ``<svg>`` element, the same bytes each time.

    Parameters
    ----------
    paint
        Draws into the empty figure that it is given.
    name
        Short and unique on the page: salts the ids, so that two figures never share one.
    alt
        What a reader who cannot see the figure is told.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    require("drawing figures", _NEEDS)
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    page = StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure)
        figure.savefig(page, format="svg", transparent=True, metadata={"Date": None})
    return _inline(page.getvalue(), name, alt)


def _inline(svg: str, name: str, alt: str) -> str:
    """Keep what a browser needs: no prologue, metadata, global style or ids that nobody refers to; short numbers."""
    body = svg[svg.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', body)
    width_px = round(_PX_PER_PT * float(box[1].split()[2])) if box else 520
    body = body[body.index(">") + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r"<[^>]+>", lambda tag: _shorter(tag[0]), body)
    body = re.sub(r">\s+<", "><", body).strip()
    what = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": box[1] if box else "0 0 1 1",
        "role": "img",
        "aria-label": alt,
        "class": f"figure figure-{name}",
        "style": f"max-width:{width_px}px" + (f";min-width:{width_px * 2 // 3}px" if width_px > _WIDE_PX else ""),
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }
    return "<svg" + "".join(f' {key}="{escape(value)}"' for key, value in what.items()) + ">" + body


def _shorter(tag: str) -> str:
    tag = re.sub(r"\s+", " ", tag)
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    tag = tag.replace("xlink:href", "href").replace("'DejaVu Sans', sans-serif", "system-ui, sans-serif")
    tag = tag.replace(INK, "currentColor").replace(BLUE, f"var(--figure-blue,{BLUE})")
    return re.sub(r"(\.\d\d)\d+", r"\1", tag)
