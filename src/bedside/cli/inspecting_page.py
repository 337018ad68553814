"""A survey as one HTML file that needs nothing else: no script, no font, no network."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO

from bedside.base.arrays import ByteArray
from bedside.cli.inspecting_words import facts_of, troubles_of
from bedside.data.survey import Survey

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { text-align: left; padding: .3rem .8rem; }
td { vertical-align: top; }
tr { border-bottom: 1px solid #d0d7de; } img { max-width: 100%; background: #202020; } h2.bad { color: #b42318; }
li { overflow-wrap: anywhere; }
"""


def page(survey: Survey, montage: ByteArray, few: Sequence[str] = ()) -> bytes:
    """Write the page, UTF-8; `few` is from `few_in`."""
    labels = [
        (part, str(survey.patients.get(part, 0)), *(str(row[name]) for name in survey.classes))
        for part, row in survey.counts.items()
    ]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(survey.name)}: what is in it</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(survey.name)}</h1>",
        f"<p>{survey.n_cases} cases from {escape(survey.source)}. Licence: {escape(survey.licence)}. "
        f"Looked for: {escape(survey.positive)}.</p>",
        "<h2>Labels by part</h2>",
        _table(("part", survey.units, *survey.classes), labels),
        "<h2>Images</h2>",
        _table(("what", "found"), facts_of(survey).items()),
        "<h2>Montage</h2>",
        f'<img alt="{escape(_caption(survey))}" src="data:image/png;base64,{_png(montage)}">',
        f"<p>{escape(_caption(survey))}</p>",
        *(_list(heading, lines) for heading, lines in troubles_of(survey, few).items()),
        "<p>Research use; not for diagnosis.</p></body></html>\n",
    ]
    return "\n".join(parts).encode()


def _caption(survey: Survey) -> str:
    return "Some images of each class, in the order: " + ", ".join(survey.classes)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _list(heading: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<h2 class="bad">{escape(heading)}</h2><ul>{items}</ul>'


def _png(pixels: ByteArray) -> str:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return b64encode(buffer.getvalue()).decode()
