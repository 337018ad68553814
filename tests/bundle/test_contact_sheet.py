"""The page of maps: whole, self-contained, and safe against the names of files."""

from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import ShapeError
from bedside.bundle.contact_sheet import SheetItem, render_contact_sheet
from bedside.bundle.pictures import heat_colors, overlay_png


class Collector(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs) -> None:
        self.tags.append((tag, dict(attrs)))


def item(name: str, n_channels: int = 1) -> SheetItem:
    image = np.full((n_channels, 8, 8), 100, np.uint8)
    heat = np.zeros((8, 8))
    heat[2, 3] = 1
    return SheetItem(name=name, caption="ill (0.9)", image=image, heat=heat)


def test_every_image_has_words_and_nothing_is_fetched() -> None:
    found = Collector(render_contact_sheet("title", "note", [item("a.png"), item("b.png", 3)]))
    images = [facts for tag, facts in found.tags if tag == "img"]
    assert len(images) == 4
    assert all(facts["alt"] and str(facts["src"]).startswith("data:image/png;base64,") for facts in images)
    assert not [tag for tag, _ in found.tags if tag in ("script", "link", "iframe")]


def test_a_name_is_text_not_markup() -> None:
    page = render_contact_sheet("<b>", "a & b", [item('"><script>alert(1)</script>.png')])
    assert not [tag for tag, _ in Collector(page).tags if tag in ("script", "b")]


def test_the_overlay_is_hot_where_the_heat_is() -> None:
    held = item("a")
    with Image.open(BytesIO(overlay_png(held.image, held.heat, side_px=8))) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (8, 8, 3)
    cold = np.ones((8, 8), bool)
    cold[2, 3] = False
    assert (pixels[cold] == 100).all()
    np.testing.assert_allclose(pixels[2, 3], 0.25 * 100 + 0.75 * heat_colors(np.array(1.0)), atol=1)


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError):
        overlay_png(np.zeros((1, 8, 8), np.uint8), np.zeros((4, 4)))
