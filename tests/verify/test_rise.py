"""RISE finds what the model goes by, the same way every time."""

import numpy as np
import pytest

from bedside.verify.content import content_box
from bedside.verify.heat import HEAT_MAPS, heat_maps, is_blank
from bedside.verify.occlusion import occlusion_map
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.rise import RISE, Rise

POINT = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="")


class Window:
    """A session whose log-odds are the brightness of one window."""

    def __init__(self, rows: slice, columns: slice, weight: float = 4.0) -> None:
        self.rows, self.columns, self.weight = rows, columns, weight

    def run(self, inputs):
        score = self.weight * inputs["image"][:, :, self.rows, self.columns].mean(axis=(1, 2, 3))
        return {"logits": np.stack([np.zeros_like(score), score], axis=1)}


def spots(side: int = 35) -> np.ndarray:
    made = np.full((1, side, side), -1, np.float32)
    made[:, 3:10, 3:10] = made[:, -10:-3, -10:-3] = 1
    return made


@pytest.mark.parametrize("place", [slice(3, 10), slice(-10, -3)])
def test_the_place_that_counts_is_hot(place: slice) -> None:
    heat = RISE(Window(place, place), spots(), POINT, 1)
    assert heat.shape == (35, 35)
    assert (heat.min(), heat.max()) == (0, 1)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert row in range(35)[place]
    assert column in range(35)[place]


def test_one_seed_one_map() -> None:
    session = Window(slice(3, 10), slice(3, 10))
    first, again = (Rise(seed=3)(session, spots(), POINT, 1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, Rise(seed=4)(session, spots(), POINT, 1))


def test_the_map_is_the_papers_average_of_masks() -> None:
    """Against the definition, written out: the expected mask, given the probability that it leaves."""
    session, image, settings = Window(slice(3, 10), slice(3, 10)), spots(), Rise(n_masks=130)
    image = image + np.random.default_rng(0).normal(scale=0.01, size=image.shape).astype(np.float32)
    total, cover = np.zeros((35, 35)), np.zeros((35, 35))
    for mask in np.concatenate(list(settings.masks(35, 35))):
        hidden = (mask * image + (1 - mask) * image.mean()).astype(np.float32)
        probability = POINT.probabilities(session.run({"image": hidden[None]})["logits"])[0, 1]
        total += probability * mask
        cover += mask
    expected = total / cover
    expected = (expected - expected.min()) / np.ptp(expected)
    np.testing.assert_allclose(settings(session, image, POINT, 1), expected, atol=1e-6)


def test_masks_are_soft_shifted_and_half_shown() -> None:
    masks = np.concatenate(list(Rise(n_masks=2000).masks(28, 20)))
    assert masks.shape == (2000, 28, 20)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert np.mean((masks > 0.05) & (masks < 0.95)) > 0.1, "edges are soft"
    np.testing.assert_allclose(masks.mean(axis=0), 0.5, atol=0.06)


def test_a_model_that_does_not_look_has_a_blank_map() -> None:
    heat = RISE(Window(slice(3, 10), slice(3, 10), 0.0), spots(), POINT, 1)
    assert not heat.any()
    assert is_blank(heat[None]).tolist() == [True]


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 20), (3, 5, 64), (1, 2, 2)])
def test_any_shape_is_covered_and_the_image_survives(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    held = image.copy()
    heat = Rise(n_masks=60)(Window(slice(None), slice(None)), held, POINT, 1)
    assert heat.shape == shape[1:]
    assert np.isfinite(heat).all()
    np.testing.assert_array_equal(held, image)


def test_methods_by_name_and_each_image_for_its_own_class() -> None:
    assert HEAT_MAPS.names() == ["cam", "occlusion", "rise"]
    assert HEAT_MAPS.get("rise") is RISE
    session, seen = Window(slice(3, 10), slice(3, 10)), []
    maps = heat_maps(
        HEAT_MAPS.get("occlusion"), session, np.stack([spots(), spots()]), np.array([1, 0]), POINT,
        tick=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    np.testing.assert_array_equal(maps[0], occlusion_map(session, spots(), POINT, 1))
    assert not maps[1].any(), "nothing in the window speaks for the other class"
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize("name", ["occlusion", "rise"])
def test_a_letterbox_is_no_place_to_look_at(name: str) -> None:
    """A model that goes by the bars alone: hiding leaves them, so nothing is hot; and the image keeps its place."""
    image = np.full((1, 40, 40), -1, np.float32)
    image[:, 10:30] = np.random.default_rng(0).normal(size=(20, 40))
    held = image.copy()
    assert not HEAT_MAPS.get(name)(Window(slice(0, 8), slice(None)), image, POINT, 1).any()
    image[:, 14:20, 4:10] += 3
    heat = HEAT_MAPS.get(name)(Window(slice(14, 20), slice(4, 10)), image, POINT, 1)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert 12 <= row <= 22
    assert 2 <= column <= 12
    assert not heat[:10].any()
    assert not heat[30:].any()
    assert content_box(held) == (slice(10, 30), slice(0, 40))
    assert content_box(np.ones((3, 5, 6))) == (slice(0, 5), slice(0, 6))
