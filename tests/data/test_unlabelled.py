"""A folder of images without labels: all that can be read, and a list of what cannot."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import CohortError, InputError
from bedside.data.preprocess import Preprocess
from bedside.data.unlabelled import read_unlabelled


def test_every_image_is_placed_and_a_bad_one_is_listed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 256, (3, 90, 70), dtype=np.uint8)
    (tmp_path / "deep").mkdir()
    for i, pixels in enumerate(drawn):
        Image.fromarray(pixels).save(tmp_path / "deep" / f"{i}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no image at all")
    (tmp_path / ".hidden.png").write_bytes(b"nor this")
    found = read_unlabelled(tmp_path, image_px=32)
    assert found.images.shape == (3, 1, 32, 32)
    assert found.preprocess == Preprocess(n_channels=1, height_px=32, width_px=32)
    assert list(found.quarantined) == ["broken.png"]
    np.testing.assert_array_equal(found.images[1], found.preprocess.geometry(drawn[1]))


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        read_unlabelled(tmp_path / "absent", image_px=32)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(CohortError, match="no image that can be read"):
        read_unlabelled(tmp_path, image_px=32)
