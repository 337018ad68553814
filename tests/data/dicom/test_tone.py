"""Modality and VOI transforms: PS3.3 C.11."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence

from bedside.base.errors import ImageError, InputError
from bedside.data.dicom import tone
from bedside.data.dicom.picture import read_measured
from bedside.data.reading import read_image
from bedside.data.window import CT_WINDOWS, PercentileWindow, Window, window_named

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

RAMP = np.linspace(-500, 1500, 16 * 12).reshape(16, 12).astype(np.int16)
LARGE = np.random.default_rng(0).integers(-1000, 3000, (300, 300)).astype(np.int16)


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        ("LINEAR", lambda x, c, w: (x - (c - 0.5)) / (w - 1) + 0.5),
        ("LINEAR_EXACT", lambda x, c, w: (x - c) / w + 0.5),
        ("SIGMOID", lambda x, c, w: 1 / (1 + np.exp(-4 * (x - c) / w))),
    ],
)
def test_a_window_is_the_formula_of_the_standard(function: str, formula) -> None:
    values = np.linspace(-2000, 2000, 4001)
    expected = np.round(np.clip(formula(values, 40, 400), 0, 1) * 255)
    np.testing.assert_array_equal(Window(centre=40, width=400, function=function)(values), expected)


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
def test_the_files_own_function_is_used(dicom_file, function: str) -> None:
    tags = {"WindowCenter": 300, "WindowWidth": 800, "RescaleSlope": 1, "RescaleIntercept": 0}
    linear = read_image(dicom_file(RAMP, name="linear.dcm", **tags))
    other = read_image(dicom_file(RAMP, name="other.dcm", VOILUTFunction=function, **tags))
    assert (linear != other).any()
    assert np.abs(linear.astype(int) - other).max() < 40


def test_a_window_of_ones_own_is_in_hounsfield_units(dicom_file) -> None:
    path = dicom_file(RAMP, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=1, WindowWidth=2)
    got = read_image(path, window=CT_WINDOWS["lung"])
    hu = RAMP * 2.0 - 1000
    np.testing.assert_array_equal(got, CT_WINDOWS["lung"](hu))
    assert got[hu <= -1350].max() == 0
    assert got[hu >= 150].min() == 255
    np.testing.assert_array_equal(read_measured(path), hu.astype(np.float32))


def test_two_images_of_one_window_are_comparable(dicom_file) -> None:
    some = read_image(dicom_file(RAMP, name="a.dcm"), window=CT_WINDOWS["bone"])
    fewer = read_image(dicom_file(RAMP[:8], name="b.dcm"), window=CT_WINDOWS["bone"])
    np.testing.assert_array_equal(some[:8], fewer)


def test_presets_and_numbers_can_be_named(refuses) -> None:
    assert window_named("soft_tissue") == CT_WINDOWS["soft tissue"]
    assert window_named("-600,1500") == CT_WINDOWS["lung"]
    for nonsense in ("liver!", "40,0", "40,nan", "40"):
        with refuses(InputError):
            window_named(nonsense)


def test_percentiles_of_the_values_ignore_outliers(dicom_file) -> None:
    pixels = LARGE.copy()
    pixels[0, 0] = 30_000
    plain = read_image(dicom_file(pixels, name="a.dcm"))
    robust = read_image(dicom_file(pixels, name="b.dcm"), window=PercentileWindow(low_percent=1, high_percent=99))
    assert np.median(plain) < 30
    assert 110 < np.median(robust) < 145


@pytest.mark.parametrize("window", [None, Window(centre=40, width=400)])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.uint8])
def test_large_images_go_through_a_table_and_come_out_the_same(
    dicom_file, monkeypatch, window: Window | None, photometric: str, dtype: type
) -> None:
    pixels = (LARGE if dtype is np.int16 else np.abs(LARGE)).astype(dtype)
    tags = {"RescaleSlope": 1.5, "RescaleIntercept": -7, "WindowCenter": 300, "WindowWidth": 500}
    path = dicom_file(pixels, photometric, **tags)
    by_table = read_image(path, window=window)
    monkeypatch.setattr(tone, "_suits_a_table", lambda stored: False)
    np.testing.assert_array_equal(by_table, read_image(path, window=window))


@given(st.lists(st.integers(0, 255), min_size=256, max_size=256))
def test_any_lookup_table_is_applied_to_the_values_that_occur(entries: list[int]) -> None:
    """A table that is not monotone: its range must come from the pixels, not from all that could be."""
    header, item = Dataset(), Dataset()
    item.LUTDescriptor, item.LUTData = [256, 0, 8], entries
    item["LUTData"].VR = "US"
    header.VOILUTSequence, header.PhotometricInterpretation = Sequence([item]), "MONOCHROME2"
    header.BitsStored, header.PixelRepresentation = 8, 0
    stored = np.tile(np.arange(3, 200, dtype=np.uint8), (400, 1))
    values = apply_voi_lut(apply_modality_lut(stored, header), header).astype(float)
    expected = np.zeros(stored.shape)
    if values.max() > values.min():
        expected = np.round((values - values.min()) * (255.0 / (values.max() - values.min())))
    np.testing.assert_array_equal(tone.shown(Path("made"), header, stored), expected)


def test_a_modality_table_comes_before_the_window(dicom_file) -> None:
    item = Dataset()
    item.LUTDescriptor, item.LUTData, item.ModalityLUTType = [4, 0, 16], [0, 100, 50, 1000], "US"
    item["LUTData"].VR = "US"
    item["LUTDescriptor"].VR = "US"
    path = dicom_file(np.array([[0, 1], [2, 3]], np.uint8), ModalityLUTSequence=Sequence([item]))
    np.testing.assert_array_equal(read_measured(path), [[0, 100], [50, 1000]])
    np.testing.assert_array_equal(read_image(path), [[0, 26], [13, 255]])


@pytest.mark.parametrize(
    ("tags", "tag"),
    [
        ({"RescaleSlope": 0, "RescaleIntercept": 5}, "(0028,1053)"),
        ({"WindowCenter": 10, "WindowWidth": 0}, "(0028,1051)"),
        ({"WindowCenter": [10, 20], "WindowWidth": [-3, 5]}, "(0028,1051)"),
    ],
)
def test_what_cannot_be_computed_is_refused_by_tag(refuses, dicom_file, tags: dict, tag: str) -> None:
    path = dicom_file(RAMP, **tags)
    with refuses(ImageError, str(path), tag):
        read_image(path)


def test_a_window_for_8_bit_files_and_for_colour_is_refused(refuses, dicom_file, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    with refuses(ImageError, "a.png", "8 bits"):
        read_image(tmp_path / "a.png", window=CT_WINDOWS["bone"])
    with refuses(ImageError, "(0028,0004)"):
        read_image(dicom_file(np.zeros((4, 4, 3), np.uint8), "RGB"), window=CT_WINDOWS["bone"])


def test_a_16_bit_png_is_scaled_by_its_range_or_through_a_window(tmp_path: Path) -> None:
    from PIL import Image

    values = np.arange(0, 60_000, 1000, dtype=np.uint16).reshape(6, 10)
    Image.fromarray(values).save(tmp_path / "deep.png")
    expected = np.round((values - values.min()) * (255.0 / (values.max() - values.min())))
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), expected)
    window = Window(centre=20_000, width=10_000)
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png", window=window), window(values))
