"""Images beside their heat maps on one page that works without a network."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from bedside.base.arrays import ByteArray, FloatArray
from bedside.bundle.pictures import gallery_png_uri, overlay_png_uri

SIDE_PX = 224

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
main {{ display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); }}
figure {{ margin: 0; break-inside: avoid; }}
figure div {{ display: flex; gap: .5rem; }}
img {{ image-rendering: pixelated; width: calc(50% - .25rem); height: auto; object-fit: contain; background: #000; }}
figcaption {{ overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{note}</p>
<main>
"""
_ITEM = """<figure>
<div><img src="{image}" alt="{name} as the model sees it"><img src="{overlay}" alt="{name} under its heat map"></div>
<figcaption><strong>{caption}</strong><br>{name}</figcaption>
</figure>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetItem:
    """One image, ``(C, H, W)`` uint8, its map, ``(H, W)`` in [0, 1], and what is written below."""

    name: str
    caption: str
    image: ByteArray = field(repr=False)
    heat: FloatArray = field(repr=False)


def render_contact_sheet(title: str, note: str, items: Sequence[SheetItem]) -> str:
    """Lay out the items in one self-contained HTML page."""
    figures = [
        _ITEM.format(
            image=gallery_png_uri(item.image, side_px=SIDE_PX),
            overlay=overlay_png_uri(item.image, item.heat, side_px=SIDE_PX),
            name=escape(item.name),
            caption=escape(item.caption),
        )
        for item in items
    ]
    return _HEAD.format(title=escape(title), note=escape(note)) + "".join(figures) + "</main>\n</body>\n</html>\n"
