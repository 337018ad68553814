"""Corruptions keep shape and seed, grow with severity, and do what their physics says."""

import numpy as np
import pytest
from scipy import ndimage

from bedside.base.errors import InputError, PluginError
from bedside.data.corrupting import corrupt
from bedside.data.corruptions import CORRUPTIONS, FAMILIES, SEVERITIES, suite_for
from bedside.data.corruptions.fields import gaussian_blur, rotation_matrix, warp
from bedside.data.corruptions.mri import RicianNoise
from bedside.data.corruptions.xray import Marker
from bedside.data.phantom import Phantom
from bedside.data.sources.medmnist import SETS

NAMES = CORRUPTIONS.names()


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return np.stack([Phantom(size_px=40).image(i, has_lesion=True) for i in range(8)])[:, None]


@pytest.fixture(scope="module")
def colour(grey: np.ndarray) -> np.ndarray:
    return np.concatenate([grey, grey // 2, 255 - grey], axis=1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_each_keeps_shape_and_seed_and_leaves_its_input_alone(name: str, kind: str, request) -> None:
    images = request.getfixturevalue(kind)
    before = images.copy()
    found = corrupt(images, name, 3, seed=7)
    assert found.shape == images.shape
    assert found.dtype == np.uint8
    assert (images == before).all()
    assert (corrupt(images, name, 3, seed=7) == found).all()
    assert (found != images).any()
    assert (corrupt(images, name, 3, seed=8) != found).any()


@pytest.mark.parametrize("name", NAMES)
def test_harm_grows_with_severity(name: str, colour: np.ndarray) -> None:
    harm = [np.abs(corrupt(colour, name, s, seed=1).astype(float) - colour).mean() for s in SEVERITIES]
    assert harm == sorted(harm), harm
    assert harm[-1] > 1.25 * harm[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_very_small_image_survives(name: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 1, 8, 6)).astype(np.uint8)
    assert corrupt(image, name, 5, seed=0).shape == image.shape


def test_an_image_meets_the_same_dice_at_every_severity() -> None:
    kind = CORRUPTIONS.get("glare")
    changes = [kind.sample(np.random.default_rng(3), s) for s in SEVERITIES]
    assert len({change.centre for change in changes}) == 1


@pytest.mark.parametrize("severity", [0, 6, -1])
@pytest.mark.parametrize("name", NAMES)
def test_other_severities_are_refused(name: str, severity: int) -> None:
    with pytest.raises(InputError):
        CORRUPTIONS.get(name).sample(np.random.default_rng(0), severity)


def test_an_unknown_corruption_is_refused(refuses, grey: np.ndarray) -> None:
    with refuses(PluginError, "scatter"):
        corrupt(grey, "scater", 1, seed=0)


def test_blur_is_that_of_scipy(grey: np.ndarray) -> None:
    image = grey[0].astype(np.float32)
    expected = ndimage.gaussian_filter(image[0], 1.7, mode="nearest", radius=5)
    np.testing.assert_allclose(gaussian_blur(image, 1.7)[0], expected, atol=1e-3)


def test_a_quarter_turn_is_that_of_numpy(grey: np.ndarray) -> None:
    image = grey[0].astype(np.float32)
    turned = warp(image, rotation_matrix(90), (0.5, 0.5))[0, 1:-1, 1:-1]
    quarter = [np.rot90(image[0], k)[1:-1, 1:-1] for k in (1, 3)]
    assert min(float(np.abs(turned - q).max()) for q in quarter) < 1e-2


def test_rician_noise_has_its_mean_where_nothing_is() -> None:
    noise = RicianNoise.sample(np.random.default_rng(0), 5)
    found = noise(np.zeros((1, 200, 200), np.float32))
    assert found.mean() == pytest.approx(noise.noise_frac * np.sqrt(np.pi / 2), rel=0.02)


def test_a_marker_lies_in_its_box_and_nowhere_else() -> None:
    marker = Marker(letter="L", size_frac=0.2, corner=(0.1, 0.7), brightness_frac=1.0)
    found = marker(np.zeros((1, 100, 100), np.float32))[0]
    rows, columns = np.nonzero(found)
    assert rows.min() >= 9
    assert rows.max() <= 31
    assert columns.min() >= 69
    assert columns.max() <= 91
    assert found.sum() > 50


def test_what_the_sources_write_finds_its_family() -> None:
    families = {known.modality: suite_for(known.modality).family for known in SETS.values()}
    assert families == {
        "X-ray": "xray", "ultrasound": "ultrasound", "microscopy": "camera", "dermoscopy": "camera", "OCT": "general",
        "histology": "camera", "CT": "ct", "fundus photograph": "camera",
    }  # fmt: skip
    assert suite_for("ultrasound (simulated)").family == "ultrasound"
    assert suite_for("MR").family == "mri"


def test_the_fallback_says_that_it_is_one() -> None:
    for modality in ("OCT", "unknown"):
        suite = suite_for(modality)
        assert modality in suite.fallback
        assert suite.names == suite_for("", "general").names
    assert suite_for("X-ray").fallback == ""


def test_every_family_has_corruptions_and_every_corruption_a_family() -> None:
    assert all(len(suite_for("", family).names) >= 3 for family in FAMILIES)
    assert {name for family in FAMILIES for name in suite_for("", family).names} == set(NAMES)
