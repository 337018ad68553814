"""What the reference standard says is seen on the tiles of a montage."""

import numpy as np

from bedside.data.boxes import Box
from bedside.data.case import Case
from bedside.data.montage import TILE_PX, montage, tile_of


def coloured(tile: np.ndarray) -> np.ndarray:
    """Where a tile of a grey picture is not grey."""
    return np.ptp(tile.astype(int), axis=2) > 60


def test_a_box_is_drawn_where_it_lies() -> None:
    pixels = np.full((192, 192), 90, np.uint8)
    box = Box(label=0, x0_px=20, y0_px=40, x1_px=100, y1_px=180)
    lines = coloured(tile_of(Case(case_id="x", label=0, pixels=pixels, boxes=(box,)), pixels))
    rows, columns = np.nonzero(lines)
    assert abs(rows.min() - 20) <= 1
    assert abs(rows.max() - 89) <= 1
    assert abs(columns.min() - 10) <= 1
    assert abs(columns.max() - 49) <= 1
    assert not lines[30:80, 20:40].any(), "the object itself stays visible"


def test_the_border_of_a_mask_is_drawn_and_pixels_are_not_changed() -> None:
    pixels, mask = np.full((300, 200), 90, np.uint8), np.zeros((300, 200), np.uint8)
    mask[90:210, 50:150] = 255
    lines = coloured(tile_of(Case(case_id="x", label=1, pixels=pixels, mask_pixels=mask), pixels))
    assert lines.any()
    assert not lines[40:55, 40:55].any()
    assert (pixels == 90).all()
    other = Case(case_id="x", label=1, pixels=pixels, mask_pixels=mask[:10])
    assert not coloured(tile_of(other, pixels)).any(), "a mask of another size is not drawn"


def test_a_case_without_marks_stays_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (TILE_PX, TILE_PX), np.uint8)
    tile = tile_of(Case(case_id="x", label=0, pixels=pixels), pixels)
    np.testing.assert_array_equal(tile, np.repeat(pixels[..., None], 3, axis=2))
    assert montage([tile] * 9).shape == (2 * (TILE_PX + 2), 8 * (TILE_PX + 2), 3)
