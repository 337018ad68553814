"""The optional parts of the one preprocessing; and that an older bundle's is what it was."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.base.digest import digest_array, digest_value
from bedside.base.errors import CohortError, ImageError, ShapeError
from bedside.base.jsonform import from_json, to_json
from bedside.data.augment import Augment
from bedside.data.case import Case
from bedside.data.enhance.denoise import Bilateral, Median, NonLocalMeans
from bedside.data.enhance.histogram import Clahe, Equalize, StretchPercentiles
from bedside.data.enhance.sector import SectorMask
from bedside.data.enhance.speckle import Lee
from bedside.data.phantom import Phantom
from bedside.data.preprocess import Preprocess
from bedside.data.window import CT_WINDOWS, PercentileWindow, Window

PLAIN = Preprocess(n_channels=1, height_px=28, width_px=28)
FULL = replace(
    PLAIN,
    window=CT_WINDOWS["lung"],
    spacing_mm=0.7,
    enhance=(SectorMask(), Lee(), Clahe(tiles=4)),
    normalization="z_score",
)
OLD_FORM = b'{"fit":"letterbox","height_px":28,"mean":127.0,"n_channels":1,"std":128.0,"width_px":28}'

STEP = st.sampled_from(
    [Median(size_px=5), Bilateral(), NonLocalMeans(strength=7.5), Lee(), Clahe(), Equalize(), SectorMask(threshold=3),
     StretchPercentiles(low_percent=2.5)]
)  # fmt: skip


def test_the_form_and_digest_of_a_plain_one_are_what_they_always_were() -> None:
    assert to_json(PLAIN) == OLD_FORM
    assert from_json(Preprocess, OLD_FORM) == PLAIN
    assert digest_value(PLAIN) == "534ff1d39b6d1f1f389c79390a2298483803433d96a40643deaa36de5725a1ee"
    assert "distort" not in json.loads(to_json(Augment()))


@given(
    st.builds(
        Preprocess,
        n_channels=st.sampled_from([1, 3]), height_px=st.integers(1, 64), width_px=st.integers(1, 64),
        window=st.none()
        | st.builds(Window, centre=st.floats(-2000, 2000), width=st.floats(1, 4000),
                    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]))
        | st.builds(PercentileWindow, low_percent=st.floats(0, 49), high_percent=st.floats(50, 100)),
        spacing_mm=st.none() | st.floats(0.01, 100), enhance=st.lists(STEP, max_size=3).map(tuple),
        fit=st.sampled_from(["letterbox", "squash", "crop", "foreground"]),
        normalization=st.sampled_from(["fixed", "z_score", "unit"]),
    )
)  # fmt: skip
def test_any_one_comes_back_from_its_json(preprocess: Preprocess) -> None:
    back = from_json(Preprocess, to_json(preprocess))
    assert back == preprocess
    assert [type(step) for step in back.enhance] == [type(step) for step in preprocess.enhance]
    assert digest_value(back) == digest_value(preprocess)


def test_steps_come_in_order_before_the_geometry() -> None:
    image = Phantom(size_px=96).image(1, has_lesion=True)
    chosen = replace(PLAIN, enhance=(Median(), Equalize()))
    np.testing.assert_array_equal(chosen.geometry(image), PLAIN.geometry(Equalize()(Median()(image))))
    assert (chosen.geometry(image) != replace(PLAIN, enhance=(Equalize(), Median())).geometry(image)).any()


def test_a_file_passes_window_and_spacing(dicom_file, refuses) -> None:
    hu = np.zeros((40, 20), np.int16)
    hu[10:30] = -600
    path = dicom_file(hu, PixelSpacing=[0.5, 1.0])
    chosen = Preprocess(n_channels=1, height_px=30, width_px=30, spacing_mm=1.0, window=CT_WINDOWS["lung"])
    got = chosen.pixels_of(path)[0]
    assert got.shape == (30, 30)
    assert not got[:5].any(), "20 mm of picture in 30 mm of input"
    assert not got[25:].any()
    assert got[15, 15] == CT_WINDOWS["lung"](np.array([-600.0]))[0]
    assert got[6, 15] > 200
    with refuses(ImageError, "plain.dcm", "(0028,0030)"):
        chosen.pixels_of(dicom_file(hu, name="plain.dcm"))
    with refuses(ImageError, "(0028,0030)"):
        chosen.geometry(np.zeros((4, 4), np.uint8))
    np.testing.assert_array_equal(chosen.from_file(path), chosen.normalize(got[None]))


def test_two_spacings_of_one_object_are_one_picture(dicom_file) -> None:
    """A disc of 20 mm across, at 0.5 and at 0.25 mm, fills as many pixels of the input."""
    sizes = []
    for mm in (0.5, 0.25):
        n = round(40 / mm)
        y, x = np.mgrid[0:n, 0:n] * mm - 20
        disc = ((y**2 + x**2 < 100) * 200).astype(np.uint8)
        chosen = replace(PLAIN, height_px=64, width_px=64, spacing_mm=1.0)
        sizes.append(int((chosen.pixels_of(dicom_file(disc, name=f"{mm}.dcm", PixelSpacing=[mm, mm])) > 100).sum()))
    assert sizes[0] == pytest.approx(np.pi * 100, rel=0.05)
    assert sizes[1] == pytest.approx(sizes[0], rel=0.03)


def test_a_window_for_pixels_without_values_is_refused(refuses) -> None:
    case = Case(case_id="a", label=0, pixels=np.zeros((4, 4), np.uint8))
    with refuses(CohortError, "a has pixels of 8 bits"):
        case.placed(FULL)


def test_the_foreground_is_cut_out_of_its_border() -> None:
    image = np.zeros((60, 80), np.uint8)
    image[20:40, 30:50] = 200
    got = replace(PLAIN, fit="foreground").geometry(image)[0]
    assert got.min() == 200
    dark = np.zeros((60, 80), np.uint8)
    assert replace(PLAIN, fit="foreground").geometry(dark).shape == (1, 28, 28)


def test_an_image_is_normalized_by_its_own_numbers() -> None:
    images = np.stack([Phantom(size_px=28).image(i, has_lesion=False)[None] for i in range(3)])
    images[2] = 9
    z = replace(PLAIN, normalization="z_score").normalize(images)
    unit = replace(PLAIN, normalization="unit").normalize(images)
    assert z.dtype == unit.dtype == np.float32
    np.testing.assert_allclose(z[:2].mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(z[:2].std(axis=(1, 2, 3)), 1, atol=1e-5)
    np.testing.assert_array_equal(unit[:2].max(axis=(1, 2, 3)), 1)
    assert not z[2].any(), "a constant image is zero, not NaN"
    assert not unit[2].any()
    for one, all_three in ((replace(PLAIN, normalization=kind).normalize, got) for kind, got in
                           (("z_score", z), ("unit", unit))):  # fmt: skip
        np.testing.assert_array_equal(one(images[1]), all_three[1])


GOLDEN_PHANTOM = "5ef0bf379eee5ad63b11fdf40332d896646eb0e0f0d8aef43e01405dfd6f2213"
GOLDEN_FILES = {
    "dicom_samples/ct/CT_small.dcm": "60c4564e38390b0b02796bc3b178f14d00fa63e4e87a466f7137d0dc5dbabffd",
    "dicom_samples/ct/totalseg_series/slice_03.dcm": "0b802993f9fdbf4149e45bb79e2dc528118be6cb67b845927e8ee959ca6ce3d0",
}


def test_the_whole_chain_has_its_golden_digest_on_the_phantom() -> None:
    image = Phantom(size_px=96).image(3, has_lesion=True)
    assert digest_array(FULL(image, (0.4, 0.5))) == GOLDEN_PHANTOM


@pytest.mark.parametrize("file", GOLDEN_FILES)
def test_the_whole_chain_has_its_golden_digest_on_real_files(shared_data: Path, file: str) -> None:
    chosen = replace(FULL, height_px=160, width_px=160, window=CT_WINDOWS["soft tissue"])
    assert digest_array(chosen.from_file(shared_data / file)) == GOLDEN_FILES[file]


@pytest.mark.parametrize("spacing", [0.0, -1.0, 1e6])
def test_a_nonsensical_spacing_is_refused(refuses, spacing: float) -> None:
    with refuses(ShapeError):
        replace(PLAIN, spacing_mm=spacing)
