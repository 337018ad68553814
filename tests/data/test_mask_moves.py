"""Masks go where their images go."""

import numpy as np
import pytest

from bedside.data.augment import Augment
from bedside.data.distort import Distort
from bedside.data.mask_moves import nearest
from bedside.data.phantom import Phantom

GEOMETRY = Augment(
    rotate_deg=30, flip_prob=0.5, gain_frac=0, offset_frac=0, gamma_frac=0, noise_frac=0, erase_prob=0,
    distort=Distort(elastic_prob=1.0, elastic_frac=0.05),
)  # fmt: skip


@pytest.fixture(scope="module")
def masks() -> np.ndarray:
    phantom = Phantom(size_px=64)
    return np.stack([phantom.mask(i, has_lesion=True) // 255 for i in range(12)])


def test_a_mask_that_is_moved_as_an_image_lies_where_the_mask_is_moved(masks: np.ndarray) -> None:
    draw = GEOMETRY.sample(np.random.default_rng(0), len(masks), 64, 64)
    as_images = draw(masks[:, None] * np.uint8(255))[:, 0] >= 128
    as_masks = draw.on_masks(masks) == 1
    overlap = 2 * (as_images & as_masks).sum() / (as_images.sum() + as_masks.sum())
    assert overlap > 0.97
    assert not np.array_equal(as_masks, masks == 1)


def test_labels_stay_labels(masks: np.ndarray) -> None:
    labels = masks * np.uint8(7)
    moved = GEOMETRY.sample(np.random.default_rng(1), len(masks), 64, 64).on_masks(labels)
    assert moved.dtype == np.uint8
    assert set(np.unique(moved)) == {0, 7}


def test_a_part_of_a_batch_is_moved_as_the_whole(masks: np.ndarray) -> None:
    draw = GEOMETRY.sample(np.random.default_rng(2), len(masks), 64, 64)
    rows = np.array([7, 2])
    np.testing.assert_array_equal(draw.pick(rows).on_masks(masks[rows]), draw.on_masks(masks)[rows])


def test_tone_noise_and_erased_boxes_leave_masks_alone(masks: np.ndarray) -> None:
    still = Augment(rotate_deg=0, shift_frac=0, scale_frac=0, shear_frac=0, erase_prob=1.0)
    draw = still.sample(np.random.default_rng(3), len(masks), 64, 64)
    np.testing.assert_array_equal(draw.on_masks(masks), masks)


def test_what_comes_from_outside_is_background() -> None:
    full = np.ones((1, 20, 20), np.uint8)
    shifted = Augment(rotate_deg=0, scale_frac=0, shear_frac=0, shift_frac=0.5)
    moved = shifted.sample(np.random.default_rng(5), 1, 20, 20).on_masks(full)
    assert 0 < moved.sum() < full.sum()


def test_nearest_repeats_the_border() -> None:
    mask = np.array([[1, 2], [3, 4]], np.uint8)
    y, x = np.array([[-3.0, 0.4], [0.6, 9.0]]), np.array([[0.0, 0.6], [0.0, 9.0]])
    np.testing.assert_array_equal(nearest(mask, y, x), [[1, 2], [3, 4]])


def test_the_mask_of_a_phantom_is_its_dark_ellipse() -> None:
    phantom = Phantom(size_px=64)
    inside, outside = [], []
    for i in range(20):
        image, mask = phantom.image(i, has_lesion=True).astype(float), phantom.mask(i, has_lesion=True) == 255
        inside.append(image[mask].mean())
        outside.append(image[~mask].mean())
    assert np.mean(inside) < np.mean(outside) - 10
    assert not phantom.mask(0, has_lesion=False).any()
