"""Dice in one place, changes in another."""

import numpy as np
import pytest

from bedside.data.augment import Augment, AugmentDraw
from bedside.data.phantom import Phantom

STILL = Augment(
    rotate_deg=0,
    shift_frac=0,
    scale_frac=0,
    shear_frac=0,
    gain_frac=0,
    offset_frac=0,
    gamma_frac=0,
    noise_frac=0,
    erase_prob=0,
)
QUIET = Augment(noise_frac=0)


def batch(n: int = 6, n_channels: int = 1, side: int = 20) -> np.ndarray:
    images = np.stack([image[None] for image in Phantom(size_px=side).images(n * n_channels)])
    return images.reshape(n, n_channels, side, side)


def still_draw(n: int, affine: list[list[float]]) -> AugmentDraw:
    ones, zeros = np.ones(n), np.zeros(n)
    return AugmentDraw(
        affine=np.tile(np.array(affine, float), (n, 1, 1)), gain=ones, offset=zeros, gamma=ones, noise_std=zeros,
        erase=np.zeros((n, 4)), noise_seed=0,
    )  # fmt: skip


@pytest.mark.parametrize("n_channels", [1, 3])
def test_the_same_seed_makes_the_same_images(n_channels: int) -> None:
    images = batch(n_channels=n_channels)
    made = [Augment(flip_prob=0.5).sample(np.random.default_rng(seed), 6, 20, 20)(images) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()
    assert made[0].shape == images.shape
    assert made[0].dtype == np.uint8


def test_the_images_that_were_handed_in_survive() -> None:
    images = batch()
    before = images.copy()
    Augment().sample(np.random.default_rng(0), 6, 20, 20)(images)
    np.testing.assert_array_equal(images, before)


def test_the_global_dice_are_not_touched() -> None:
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    Augment().sample(np.random.default_rng(0), 6, 20, 20)(batch())
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_picked_draw_is_rows_of_the_whole_one() -> None:
    images, rows = batch(), np.array([4, 1, 3])
    draw = QUIET.sample(np.random.default_rng(1), 6, 20, 20)
    np.testing.assert_array_equal(draw.pick(rows)(images[rows]), draw(images)[rows])


def test_a_picked_draw_differs_by_its_noise_only() -> None:
    images, rows = batch(), np.array([4, 1, 3])
    draw = Augment(noise_frac=0.02).sample(np.random.default_rng(1), 6, 20, 20)
    change = draw.pick(rows)(images[rows]).astype(int) - draw(images)[rows]
    assert np.abs(change).max() <= 255 * 0.02 * 6 * 2
    assert change.any()


def test_a_still_draw_changes_nothing() -> None:
    images = batch(n_channels=3)
    np.testing.assert_array_equal(STILL.sample(np.random.default_rng(0), 6, 20, 20)(images), images)


def test_a_sure_flip_mirrors_left_and_right() -> None:
    from dataclasses import replace

    images = batch()
    np.testing.assert_array_equal(
        replace(STILL, flip_prob=1.0).sample(np.random.default_rng(0), 6, 20, 20)(images), images[..., ::-1]
    )


def test_an_affine_map_goes_from_output_to_input() -> None:
    images = batch(2, side=9)
    quarter_turn = still_draw(2, [[0, 1, 0], [-1, 0, 0]])(images)
    np.testing.assert_array_equal(quarter_turn, np.rot90(images, k=1, axes=(2, 3)))
    shifted = still_draw(2, [[1, 0, 2], [0, 1, -3]])(images)
    np.testing.assert_array_equal(shifted[:, :, :-2, 3:], images[:, :, 2:, :-3])
    assert not shifted[:, :, -2:].any(), "black comes in from outside"
    assert not shifted[:, :, :, :3].any()


def test_half_a_pixel_is_the_mean_of_two() -> None:
    image = np.array([[[[0, 100, 200, 50]]]], np.uint8)
    np.testing.assert_array_equal(still_draw(1, [[1, 0, 0], [0, 1, 0.5]])(image)[0, 0, 0, :3], [50, 150, 125])


def test_brightness_stays_in_range() -> None:
    strong = Augment(gain_frac=0.9, offset_frac=0.9, gamma_frac=2, noise_frac=0.5)
    images = np.stack([np.zeros((1, 8, 8), np.uint8), np.full((1, 8, 8), 255, np.uint8)] * 10)
    got = strong.sample(np.random.default_rng(0), 20, 8, 8)(images)
    assert got.dtype == np.uint8
    assert got.min() == 0
    assert got.max() == 255


def test_an_erased_box_takes_the_mean_of_its_image() -> None:
    draw = still_draw(1, [[1, 0, 0], [0, 1, 0]])
    draw.erase[0] = (0.25, 0.5, 0.75, 1.0)
    images = batch(1)
    got = draw(images)[0, 0]
    assert np.abs(got[5:15, 10:20].astype(float) - images.mean()).max() <= 0.5
    got[5:15, 10:20] = images[0, 0, 5:15, 10:20]
    np.testing.assert_array_equal(got, images[0, 0])


def test_strength_follows_the_settings() -> None:
    draw = Augment(gain_frac=0.2, offset_frac=0.1, erase_prob=0.25, noise_frac=0.02).sample(
        np.random.default_rng(0), 4000, 20, 20
    )
    assert 0.79 < draw.gain.min() < 0.81
    assert 1.19 < draw.gain.max() < 1.21
    assert np.abs(draw.offset).max() <= 0.1
    assert draw.noise_std.max() <= 0.02
    erased = (draw.erase[:, 2] > draw.erase[:, 0]).mean()
    assert 0.22 < erased < 0.28
