"""Golden volumes travel as pictures and come back to the bit."""

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import GoldenError
from bedside.bundle.golden import decoded, encoded, golden_cases, golden_logits
from bedside.bundle.golden_volumes import from_slices
from bedside.data.preprocess import Preprocess

MODEL = Preprocess(n_channels=1, depth_px=8, height_px=12, width_px=16)


def test_they_come_back_to_the_bit(tmp_path) -> None:
    made = golden_cases(MODEL)
    assert len({name for name, _ in made}) == len(made) == 6
    for name, volume in made:
        (tmp_path / name).write_bytes(encoded(name, volume))
        np.testing.assert_array_equal(decoded(tmp_path / name, MODEL), volume)


def test_a_session_answers_for_each() -> None:
    class Same:
        def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {"logits": np.concatenate([inputs["image"], -inputs["image"]], axis=1)}

    outputs = golden_logits(Same(), MODEL, [volume for _, volume in golden_cases(MODEL)])
    assert outputs.shape[:2] == (6, 2)
    assert 100 <= outputs.shape[2] < 250
    np.testing.assert_array_equal(outputs[:, 0], -outputs[:, 1])


def test_a_picture_of_another_depth_is_refused(tmp_path) -> None:
    Image.fromarray(np.zeros((9, 4), np.uint8)).save(tmp_path / "odd.png")
    with pytest.raises(GoldenError, match="not one of 8 slices"):
        decoded(tmp_path / "odd.png", MODEL)
    with pytest.raises(GoldenError):
        from_slices(np.zeros((8, 4, 3), np.uint8), 8)
