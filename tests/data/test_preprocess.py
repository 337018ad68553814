"""The one preprocessing: its geometry, its numbers, and that they never drift."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bedside.base.digest import digest_array
from bedside.base.errors import ShapeError
from bedside.data.preprocess import Preprocess
from bedside.data.reading import read_image

LETTERBOX = Preprocess(n_channels=1, height_px=28, width_px=28)
CHOICES = {
    "letterbox": LETTERBOX,
    "squash": Preprocess(n_channels=3, height_px=24, width_px=32, fit="squash"),
    "crop": Preprocess(n_channels=1, height_px=16, width_px=16, fit="crop", mean=0.0, std=255.0),
    "same": Preprocess(n_channels=3, height_px=40, width_px=30),
}

# SHA-256 of dtype, shape and bytes of the result. A bundle in a clinic holds a model that expects exactly these.
GOLDEN = {
    ("letterbox", "grey"): "7c71340b67095dbacc63b8f9b60d51a307ecda9879243538b1f6420bb7ae1d54",
    ("letterbox", "colour"): "5ac2a8919295b9c5940d6a6ae102e9c42dbe6bca105b2f5f76e476a65d5647c8",
    ("squash", "grey"): "df2b1abf7a58aff247aecbd2101377af7ce1c0b6f564ab6c3bd5d13cf8a8cb30",
    ("squash", "colour"): "36cfcf6c909d144d908ce620c266ea1cc3842f5f54499042f8cb9f1efe37bd58",
    ("crop", "grey"): "c99897f322a4ca54219b559853d64a92bf22f9c65af5c11fc83b69439a557962",
    ("crop", "colour"): "8b363e02f1455f2d5387eb5b3eee4f957630acd89e4422098e1ce9e584254ed5",
    ("same", "grey"): "bbd32cfc44f2eed6a5fe94452f8809d52dc0557839300c3753ad5bf06e5d2785",
    ("same", "colour"): "fd7e8249de11df673dc8ad32991f8be3fcd4760ab5c1c67c2cf6e9b2a0d09177",
}
GOLDEN_REAL = {
    "dicom_samples/mr/MR_small.dcm": "32a7196cf64587d204a2614a9e2a808598b1c42b302b2e50cb61cca07f3848cf",
    "dicom_samples/ct/CT_small.dcm": "f8bb147c00abac0c8f4054bf7ccaceb6b73750ad19c121f387d01cc2cccfd70f",
    "dicom_samples/us/examples_rgb_color.dcm": "a5ae855a599904d9f6df309369a81a57c926d852d7fddce045e8277a6f6e84b9",
}
GOLDEN_BREASTMNIST = "efaac648fc1b1d53470b8fdf0101613839025f0245af7d901e9c2a597726319b"


def pattern(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return ((y * 7 + x * 13 + (y * x) // 3) % 256).astype(np.uint8)


def picture(kind: str) -> np.ndarray:
    if kind == "grey":
        return pattern(40, 30)
    grey = pattern(50, 64)
    return np.stack([grey, grey[::-1], 255 - grey], axis=-1)


@pytest.mark.parametrize(("choice", "kind"), GOLDEN, ids="-".join)
def test_made_images_have_their_golden_digest(choice: str, kind: str) -> None:
    assert digest_array(CHOICES[choice](picture(kind))) == GOLDEN[choice, kind]


@pytest.mark.parametrize("file", GOLDEN_REAL)
def test_real_images_have_their_golden_digest(shared_data: Path, file: str) -> None:
    assert digest_array(LETTERBOX(read_image(shared_data / file))) == GOLDEN_REAL[file]


def test_a_real_array_has_its_golden_digest(shared_data: Path) -> None:
    with np.load(shared_data / "medmnist_28" / "breastmnist.npz") as archive:
        assert digest_array(CHOICES["crop"](archive["test_images"][0])) == GOLDEN_BREASTMNIST


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    [((50, 100), (7, 21), (0, 28)), ((90, 30), (0, 28), (9, 18)), ((28, 28), (0, 28), (0, 28))],
)
def test_the_letterbox_keeps_the_aspect_ratio_and_pads_with_black(
    shape: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    placed = LETTERBOX.geometry(np.full(shape, 200, np.uint8))[0]
    expected = np.zeros((28, 28), np.uint8)
    expected[slice(*rows), slice(*columns)] = 200
    if shape == (90, 30):
        expected[:, 9] = placed[:, 9]  # 9.33 columns wide: 9 of them
        assert (placed[:, 9:18] == 200).all()
    np.testing.assert_array_equal(placed, expected)


def test_squash_fills_and_crop_takes_the_middle() -> None:
    image = np.zeros((10, 30), np.uint8)
    image[:, 10:20] = 255
    squashed = Preprocess(n_channels=1, height_px=10, width_px=10, fit="squash").geometry(image)[0]
    cropped = Preprocess(n_channels=1, height_px=10, width_px=10, fit="crop").geometry(image)[0]
    assert (cropped == 255).all()
    assert squashed[:, 0].max() == 0
    assert squashed[:, 5].min() == 255


def test_grey_is_repeated_for_three_channels() -> None:
    got = CHOICES["same"].geometry(picture("grey"))
    assert got.shape == (3, 40, 30)
    for channel in got:
        np.testing.assert_array_equal(channel, picture("grey"))


def test_colour_is_reduced_by_the_luma_of_itu_r_601() -> None:
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    got = Preprocess(n_channels=1, height_px=1, width_px=4).geometry(primaries)
    np.testing.assert_array_equal(got, [[[76, 150, 29, 255]]])
    colour = picture("colour")
    mine = Preprocess(n_channels=1, height_px=50, width_px=64).geometry(colour)[0]
    pillows = np.asarray(Image.fromarray(colour).convert("L"))
    assert np.abs(mine.astype(int) - pillows).max() <= 1


def test_colour_keeps_its_channels_in_order() -> None:
    colour = np.zeros((4, 4, 3), np.uint8)
    colour[..., 1] = 9
    assert Preprocess(n_channels=3, height_px=4, width_px=4).geometry(colour)[:, 0, 0].tolist() == [0, 9, 0]


def test_normalizing_is_an_affine_map() -> None:
    np.testing.assert_allclose(LETTERBOX.normalize(np.array([0, 127, 255], np.uint8)), [-127 / 128, 0, 1], rtol=1e-7)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 1), np.uint8),
        np.zeros((8, 8, 2), np.uint8),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((2, 8, 8, 3), np.uint8),
        np.zeros(8, np.uint8),
        np.zeros((8, 8), np.float32),
        np.zeros((8, 8), np.int64),
        np.zeros((0, 8), np.uint8),
        np.zeros((8, 0, 3), np.uint8),
    ],
    ids=lambda image: f"{image.shape}-{image.dtype}",
)
def test_a_wrong_number_of_channels_rank_or_type_is_refused(refuses, image: np.ndarray) -> None:
    with refuses(ShapeError, str(image.shape)):
        LETTERBOX(image)


@pytest.mark.parametrize(
    "nonsense", [{"n_channels": 2}, {"n_channels": 0}, {"height_px": 0}, {"width_px": -3}, {"std": 0.0}, {"std": -1.0}]
)
def test_a_nonsensical_choice_is_refused(refuses, nonsense: dict[str, float]) -> None:
    with refuses(ShapeError):
        Preprocess(**{"n_channels": 1, "height_px": 8, "width_px": 8, **nonsense})


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    colour=st.booleans(),
    n_channels=st.sampled_from([1, 3]),
    target=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    fit=st.sampled_from(["letterbox", "squash", "crop"]),
    value=st.integers(0, 255),
)
def test_any_image_becomes_the_promised_tensor(
    height: int, width: int, colour: bool, n_channels: int, target: tuple[int, int], fit: str, value: int
) -> None:
    preprocess = Preprocess(n_channels=n_channels, height_px=target[0], width_px=target[1], fit=fit)
    image = np.full((height, width, 3) if colour else (height, width), value, np.uint8)
    before = image.copy()
    pixels, tensor = preprocess.geometry(image), preprocess(image)
    np.testing.assert_array_equal(image, before)
    assert pixels.dtype == np.uint8
    assert tensor.dtype == np.float32
    assert pixels.shape == tensor.shape == preprocess.spec.shape == (n_channels, *target)
    assert tensor.min() >= np.float32(-127 / 128)
    assert tensor.max() <= 1
    assert pixels.max() == value, "a flat image keeps its value"
    if fit != "letterbox":
        assert pixels.min() == value
