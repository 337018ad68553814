"""Corruptions of volumes keep shape and seed, grow with severity, and do what they are called."""

import numpy as np
import pytest
from scipy import ndimage

from bedside.base.errors import InputError, PluginError
from bedside.data.corrupting import corrupt
from bedside.data.corrupting_volumes import (
    VOLUME_CORRUPTIONS,
    corrupt_volumes,
    slice_axis_of,
    suite_and_spoiler,
    volume_suite,
)
from bedside.data.corruptions import SEVERITIES
from bedside.data.corruptions.volumes import BiasField, Blur, MissingSlices, Noise, ThickSlices
from bedside.data.phantom_volume import VolumePhantom
from bedside.data.preprocess import Preprocess

NAMES = VOLUME_CORRUPTIONS.names()
BY_CHANCE = ("noise", "bias field", "missing slices")


@pytest.fixture(scope="module")
def volumes() -> np.ndarray:
    """Four volumes of two modalities."""
    made = np.stack([VolumePhantom(noise_frac=0.02).volume(i)[0] for i in range(4)])
    return np.stack([made, 255 - made], axis=1)


@pytest.mark.parametrize("name", NAMES)
def test_each_keeps_shape_and_seed_and_leaves_its_input_alone(name: str, volumes: np.ndarray) -> None:
    before = volumes.copy()
    found = corrupt_volumes(volumes, name, 3, seed=7)
    assert (found.shape, found.dtype) == (volumes.shape, np.uint8)
    np.testing.assert_array_equal(volumes, before)
    np.testing.assert_array_equal(corrupt_volumes(volumes, name, 3, seed=7), found)
    assert (found != volumes).any(axis=(1, 2, 3, 4)).all()
    assert (corrupt_volumes(volumes, name, 3, seed=8) != found).any() == (name in BY_CHANCE)


@pytest.mark.parametrize("name", NAMES)
def test_a_higher_severity_changes_more(name: str, volumes: np.ndarray) -> None:
    changes = [
        np.abs(corrupt_volumes(volumes, name, severity, seed=1) - volumes.astype(float)).mean()
        for severity in SEVERITIES
    ]
    assert changes == sorted(changes)
    assert changes[-1] > 1.5 * changes[0]


def test_blur_is_scipys_gaussian_in_three_dimensions() -> None:
    volume = np.random.default_rng(0).random((1, 20, 24, 22), np.float32)
    sigma = Blur(sigma_frac=0.06).sigma_frac * 20
    theirs = ndimage.gaussian_filter(volume[0], sigma, mode="nearest", radius=round(3 * sigma))
    np.testing.assert_allclose(Blur(sigma_frac=0.06)(volume)[0], theirs, atol=1e-5)


def test_noise_has_its_deviation_and_differs_between_modalities() -> None:
    added = Noise(noise_frac=0.1, seed=3)(np.full((2, 20, 20, 20), 0.5, np.float32)) - 0.5
    assert added.std() == pytest.approx(0.1, rel=0.03)
    assert abs(np.corrcoef(added[0].ravel(), added[1].ravel())[0, 1]) < 0.05


def test_a_bias_field_is_smooth_and_its_largest_logarithm_is_its_size() -> None:
    field = np.log(BiasField(size=0.6, coefficients=(1, -1, 0.5) * 3)(np.ones((1, 16, 16, 16), np.float32)))
    assert np.abs(field).max() == pytest.approx(0.6, rel=1e-5)
    assert np.abs(np.diff(field, axis=1)).max() < 0.3


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_those_across_their_axis(axis: int) -> None:
    volume = np.random.default_rng(0).random((2, 12, 12, 12), np.float32)
    gone = MissingSlices(missing_frac=0.25, place_frac=0.5, axis=axis)(volume)
    black = (gone == 0).all(axis=tuple(i for i in range(4) if i != axis + 1))
    assert black.sum() == 3
    np.testing.assert_array_equal(np.diff(np.flatnonzero(black)), 1)
    thick = ThickSlices(times=3.0, axis=axis)(volume)
    rough = [np.abs(np.diff(thick, axis=i)).mean() for i in (1, 2, 3)]
    assert int(np.argmin(rough)) == axis
    constant = np.full((1, 12, 12, 12), 0.4, np.float32)
    np.testing.assert_allclose(ThickSlices(times=4.0, axis=axis)(constant), 0.4, atol=1e-6)


def test_the_axis_and_the_suite_follow_the_scan() -> None:
    assert slice_axis_of((1.0, 1.0, 5.0)) == 2
    assert slice_axis_of((5.0, 1.0, 1.0)) == slice_axis_of((1.0, 1.0, 1.0)) == slice_axis_of(None) == 0
    assert "bias field" in volume_suite("FLAIR MRI").names
    assert "bias field" not in volume_suite("CT").names


def test_images_and_volumes_each_have_their_own() -> None:
    images = Preprocess(n_channels=1, height_px=16, width_px=16)
    suite, spoil = suite_and_spoiler("X-ray", images)
    assert "grid lines" in suite.names
    assert spoil is corrupt
    sagittal = Preprocess(n_channels=1, depth_px=16, height_px=16, width_px=16, spacing_mm=(1.0, 1.0, 5.0))
    suite, spoil = suite_and_spoiler("MRI", sagittal)
    assert suite.names == tuple(sorted(NAMES))
    made = np.full((1, 1, 16, 16, 16), 99, np.uint8)
    assert (spoil(made, "missing slices", 5, seed=0) == 0).all(axis=(0, 1, 2, 3)).sum() == 5


def test_what_does_not_exist_is_refused(volumes: np.ndarray) -> None:
    with pytest.raises(PluginError, match="noize"):
        corrupt_volumes(volumes, "noize", 1, seed=0)
    with pytest.raises(InputError, match="severity of 6"):
        corrupt_volumes(volumes, "noise", 6, seed=0)
