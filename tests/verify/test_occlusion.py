"""The heat lies where the model looks."""

import numpy as np
import pytest

from bedside.verify.occlusion import occlusion_map
from bedside.verify.operating_point import OperatingPoint

POINT = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="")


class LooksAt:
    """A session whose score is the brightness of one window."""

    def __init__(self, rows: slice, columns: slice, sign: float = 1.0) -> None:
        self.rows, self.columns, self.sign = rows, columns, sign

    def run(self, inputs):
        score = self.sign * inputs["image"][:, :, self.rows, self.columns].mean(axis=(1, 2, 3)) * 4
        return {"logits": np.stack([np.zeros_like(score), score], axis=1)}


def image(side: int = 30, n_channels: int = 1) -> np.ndarray:
    """Dark, with a bright spot in each corner, so that hiding any of them changes something."""
    made = np.full((n_channels, side, side), -1, np.float32)
    for rows in (slice(0, 6), slice(-6, None)):
        for columns in (slice(0, 6), slice(-6, None)):
            made[:, rows, columns] = 1
    return made


@pytest.mark.parametrize("rows", [slice(0, 6), slice(-6, None)], ids=["top", "bottom"])
@pytest.mark.parametrize("columns", [slice(0, 6), slice(-6, None)], ids=["left", "right"])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_the_corner_that_counts_is_hot(rows: slice, columns: slice, n_channels: int) -> None:
    heat = occlusion_map(LooksAt(rows, columns), image(n_channels=n_channels), POINT, 1)
    assert heat.shape == (30, 30)
    assert heat.max() == 1
    assert heat.min() == 0
    corner = heat[rows, columns].mean()
    assert corner > 0.5
    elsewhere = heat.copy()
    elsewhere[rows, columns] = np.nan
    others = [elsewhere[r, c] for r in (slice(0, 6), slice(-6, None)) for c in (slice(0, 6), slice(-6, None))]
    assert sum(np.nansum(other) == 0 for other in others) >= 3, "the other corners are cold"


def test_hiding_what_speaks_for_the_other_class_is_not_heat() -> None:
    session = LooksAt(slice(0, 6), slice(0, 6), sign=-1.0)
    assert not occlusion_map(session, image(), POINT, 1).any()
    assert occlusion_map(session, image(), POINT, 0).max() == 1


def test_a_model_that_does_not_look_has_no_heat() -> None:
    assert not occlusion_map(LooksAt(slice(0, 6), slice(0, 6), 0.0), image(), POINT, 1).any()


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 20), (3, 5, 64), (1, 2, 2)])
def test_any_shape_is_covered(shape: tuple[int, int, int]) -> None:
    before = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    held = before.copy()
    heat = occlusion_map(LooksAt(slice(None), slice(None)), held, POINT, 1)
    assert heat.shape == shape[1:]
    assert np.isfinite(heat).all()
    np.testing.assert_array_equal(held, before)
