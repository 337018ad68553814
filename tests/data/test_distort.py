"""Distortions for training."""

from dataclasses import replace

import numpy as np
import pytest

from bedside.data.augment import Augment
from bedside.data.distort import Distort, DistortDraw
from bedside.data.phantom import Phantom

KINDS = ["elastic", "speckle", "blur", "jpeg"]


def batch(n_channels: int = 1) -> np.ndarray:
    images = np.stack(list(Phantom(size_px=32).images(4 * n_channels)))
    return images.reshape(4, n_channels, 32, 32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_channels", [1, 3])
def test_each_changes_images_the_same_way_twice(kind: str, n_channels: int) -> None:
    images = batch(n_channels)
    before = images.copy()
    chosen = replace(Distort(), **{f"{kind}_prob": 1.0})
    draw = chosen.sample(np.random.default_rng(0), 4)
    got = draw(images)
    assert got.shape == images.shape
    assert got.dtype == np.uint8
    assert sum((a != b).any() for a, b in zip(got, images, strict=True)) >= 3, "a strength near zero may change nothing"
    assert np.abs(got.astype(int) - images).mean() < 60
    np.testing.assert_array_equal(got, chosen.sample(np.random.default_rng(0), 4)(images))
    np.testing.assert_array_equal(images, before)
    rows = np.array([3, 1])
    np.testing.assert_array_equal(draw.pick(rows)(images[rows]), got[rows])


def test_none_is_the_default_and_leaves_the_other_dice_alone() -> None:
    images = batch()
    np.testing.assert_array_equal(Distort().sample(np.random.default_rng(0), 4)(images), images)
    plain = Augment().sample(np.random.default_rng(5), 4, 32, 32)
    assert plain.distort is None
    more = Augment(distort=Distort(jpeg_prob=1.0)).sample(np.random.default_rng(5), 4, 32, 32)
    np.testing.assert_array_equal(more.affine, plain.affine)
    assert more.noise_seed == plain.noise_seed
    assert isinstance(more.distort, DistortDraw)
    assert (more(images) != plain(images)).any()


def test_motion_blur_smears_along_its_direction_only() -> None:
    image = np.zeros((1, 1, 21, 21), np.uint8)
    image[0, 0, 10, 10] = 255
    zero = np.zeros(1)
    draw = DistortDraw(zero, zero, np.array([0.3]), zero, np.zeros(1, np.int64), np.zeros(1, np.int64))
    got = draw(image)[0, 0]
    assert (got[10] > 0).sum() >= 6
    assert not got[:10].any()
    assert not got[11:].any()
