"""A figure of the report with the numbers behind it; both can be saved from the page, without a script."""

import csv
from base64 import b64encode
from dataclasses import dataclass, field
from io import StringIO

from bedside.bundle.canvas import BLUE, INK

Cell = str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureTable:
    """Numbers behind a figure: names of the columns, and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFigure:
    """One figure.

    Parameters
    ----------
    name
        Short and unique in the report: the name of the saved files and of the entry in ``report.json``.
    title
        What it is called in a sentence, such as "ROC curve".
    svg
        One ``<svg>`` element with its text alternative (``role="img"``, ``aria-label``).
    """

    name: str
    title: str
    caption: str
    svg: str = field(repr=False)
    table: FigureTable


def csv_text(table: FigureTable) -> str:
    """Write the numbers as CSV, floats with six digits.

    A text that a spreadsheet would take for a formula (a class called ``=1+1``) gets an apostrophe before it.
    """
    sheet = StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow([_cell(name) for name in table.columns])
    writer.writerows([_cell(cell) for cell in row] for row in table.rows)
    return sheet.getvalue()


def _cell(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:.6g}"
    text = str(cell)
    return f"'{text}" if isinstance(cell, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def standalone_svg(svg: str) -> str:
    """Return the figure as a file of its own: on the page the style sheet chooses its colours, here nobody does."""
    colored = svg.replace("currentColor", INK).replace(f"var(--figure-blue,{BLUE})", BLUE)
    colored = colored.replace('style="', 'style="background:#fff;', 1)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{colored}\n'


def data_uri(kind: str, text: str) -> str:
    """Return a link that holds the whole file."""
    return f"data:{kind};base64,{b64encode(text.encode()).decode()}"


def downloads(figure: ReportFigure) -> tuple[tuple[str, str, str], ...]:
    """Return (what, file name, link) of the two files that a reader can save."""
    return (
        ("CSV", f"{figure.name}.csv", data_uri("text/csv;charset=utf-8", csv_text(figure.table))),
        ("SVG", f"{figure.name}.svg", data_uri("image/svg+xml", standalone_svg(figure.svg))),
    )
