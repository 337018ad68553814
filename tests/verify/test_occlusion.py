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


PLACES = [(slice(2, 6), slice(12, 18), slice(3, 7)), (slice(9, 14), slice(1, 6), slice(8, 12))]


@pytest.mark.parametrize("place", PLACES)
def test_the_cube_of_a_volume_that_counts_is_hot(place: tuple[slice, ...]) -> None:
    class Cube:
        def run(self, inputs):
            score = inputs["image"][:, 0, *place].mean(axis=(1, 2, 3)) * 4
            return {"logits": np.stack([np.zeros_like(score), score], axis=1)}

    volume = np.random.default_rng(1).normal(-1, 0.1, (2, 16, 24, 14)).astype(np.float32)
    volume[:, *place] = 1
    volume[:, :, :, 13] = 0  # padding
    held = volume.copy()
    heat = occlusion_map(Cube(), held, POINT, 1)
    assert heat.shape == (16, 24, 14)
    assert (heat.max(), heat.min()) == (1, 0)
    peak = np.unravel_index(int(heat.argmax()), heat.shape)
    assert all(part.start - 2 <= at < part.stop + 2 for part, at in zip(place, peak, strict=True))
    away = heat.copy()
    away[tuple(slice(max(0, part.start - 5), part.stop + 5) for part in place)] = 0
    assert not away.any(), "hiding what does not count changes nothing"
    assert heat[place].mean() > 3 * heat.mean()
    assert not heat[:, :, 13].any(), "padding is never hot"
    np.testing.assert_array_equal(held, volume)


def test_hidden_copies_of_a_large_volume_are_not_all_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from bedside.verify import occlusion

    seen = []

    class Watched:
        def run(self, inputs):
            seen.append(len(inputs["image"]))
            score = inputs["image"][:, 0, :4].mean(axis=(1, 2, 3))
            return {"logits": np.stack([np.zeros_like(score), score], axis=1)}

    volume = np.random.default_rng(0).normal(size=(1, 10, 10, 10)).astype(np.float32)
    at_once = occlusion_map(Watched(), volume, POINT, 1)
    assert seen == [1, 216]
    monkeypatch.setattr(occlusion, "_AT_ONCE", 50_000)
    seen.clear()
    np.testing.assert_array_equal(occlusion_map(Watched(), volume, POINT, 1), at_once)
    assert seen == [1, 50, 50, 50, 50, 16]


@pytest.mark.parametrize("n_cells", [6, 10])
def test_windows_leave_no_gap(n_cells: int) -> None:
    from bedside.verify.occlusion import _places

    for n in range(1, 200):
        hidden = np.zeros(n, bool)
        for (part,) in _places([slice(0, n)], n_cells):
            hidden[part] = True
        assert hidden.all(), n
