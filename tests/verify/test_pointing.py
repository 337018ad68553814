"""The pointing game on lesions of which we know where they are."""

import math

import numpy as np
import pytest

from bedside.base.errors import ShapeError
from bedside.verify.pointing import blind_hit, energy_of, even_energy, hits_of, look, peak_of


def disc(cy: int, cx: int, radius: int = 3, side: int = 20) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    return (y - cy) ** 2 + (x - cx) ** 2 <= radius**2


def test_the_peak_of_a_plateau_is_its_middle() -> None:
    heat = np.zeros((9, 9))
    heat[2:7, 3:6] = 1
    assert peak_of(heat) == (4, 4)
    heat[8, 8] = 2
    assert peak_of(heat) == (8, 8)


def test_hits_and_energy_by_hand() -> None:
    masks = np.stack([disc(5, 5), disc(5, 5), disc(5, 5)])
    maps = np.zeros((3, 20, 20))
    maps[0, 5, 5], maps[0, 15, 15] = 1.0, 0.5
    maps[1, 15, 15], maps[1, 5, 5] = 1.0, 0.25
    assert hits_of(maps, masks).tolist() == [True, False, False]
    np.testing.assert_allclose(energy_of(maps, masks), [2 / 3, 0.2, math.nan])


def test_a_blank_map_is_a_miss_even_where_the_lesion_is_everything() -> None:
    assert hits_of(np.zeros((1, 4, 4)), np.ones((1, 4, 4), bool)).tolist() == [False]


def test_cases_without_a_lesion_do_not_play() -> None:
    masks = np.stack([disc(5, 5)] * 4 + [np.zeros((20, 20), bool)] * 6)
    maps = masks.astype(float)
    maps[0] = disc(15, 15)
    found = look("m", maps, masks, [f"p{i // 2}" for i in range(10)])
    assert found.hit.value == 0.75
    assert found.hit.n_patients == 2
    assert found.energy.value == 0.75
    assert found.n_blank == 6


def test_without_any_lesion_nothing_is_estimable() -> None:
    found = look("m", np.random.default_rng(0).random((3, 5, 5)), np.zeros((3, 5, 5), bool), list("abc"))
    assert math.isnan(found.hit.value)
    assert math.isnan(found.energy.value)
    assert (found.hit.low, found.hit.high) == (0, 1)


def test_what_a_map_must_beat() -> None:
    masks = np.stack([disc(10, 10), disc(10, 10), disc(3, 3), np.zeros((20, 20), bool)])
    units = list("abcd")
    assert blind_hit(masks, units).value == pytest.approx(2 / 3)
    assert even_energy(masks, units).value == pytest.approx(masks[:3].mean())
    even = look("even", np.ones((4, 20, 20)) + 1e-9 * np.arange(400).reshape(20, 20), masks, units)
    assert even.energy.value == pytest.approx(even_energy(masks, units).value, rel=1e-6)


def test_maps_and_masks_of_two_sizes_are_refused(refuses) -> None:
    with refuses(ShapeError, "(1, 4, 4)"):
        hits_of(np.zeros((1, 4, 4)), np.zeros((1, 5, 5), bool))
