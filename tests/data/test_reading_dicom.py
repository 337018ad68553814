"""Single-frame DICOM, as the standard has it."""

import csv
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence

from bedside.base.errors import ImageError
from bedside.data.reading import read_image

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

RAMP = np.linspace(-500, 1500, 16 * 12).reshape(16, 12).astype(np.int16)

WITHOUT_DECODERS = """
import sys
from pathlib import Path
for name in ("pylibjpeg", "openjpeg", "libjpeg", "jpeg_ls", "gdcm", "rle"):
    sys.modules[name] = None
from bedside.base.errors import MissingPackageError
from bedside.data.reading import read_image
try:
    read_image(Path(sys.argv[1]))
except MissingPackageError as error:
    print(error.exit_code, error.hint)
"""


def scaled(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float64)
    return np.round((values - values.min()) / (values.max() - values.min()) * 255).astype(np.uint8)


def window(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """PS3.3 C.11.2.1.2.1, the linear VOI function, to [0, 255]."""
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1) * 255


def test_without_a_window_the_whole_range_is_used(dicom_file) -> None:
    np.testing.assert_array_equal(read_image(dicom_file(RAMP)), scaled(RAMP))


def test_slope_and_window_are_applied_in_the_standards_order(dicom_file) -> None:
    path = dicom_file(RAMP, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=40, WindowWidth=400)
    expected = window(RAMP * 2.0 - 1000, 40, 400)
    got = read_image(path)
    assert got.min() == 0
    assert got.max() == 255
    assert np.abs(got - expected).max() <= 1


def test_monochrome1_is_monochrome2_inverted(dicom_file) -> None:
    tags = {"WindowCenter": 300, "WindowWidth": 800}
    light = read_image(dicom_file(RAMP, "MONOCHROME2", name="2.dcm", **tags))
    dark = read_image(dicom_file(RAMP, "MONOCHROME1", name="1.dcm", **tags))
    np.testing.assert_array_equal(dark, 255 - light)
    assert light[0, 0] < light[-1, -1]
    assert dark[0, 0] > dark[-1, -1]


def test_the_first_of_several_windows_is_used(dicom_file) -> None:
    one = read_image(dicom_file(RAMP, name="1.dcm", WindowCenter=100, WindowWidth=200))
    two = read_image(dicom_file(RAMP, name="2.dcm", WindowCenter=[100, 900], WindowWidth=[200, 50]))
    np.testing.assert_array_equal(one, two)


def test_rgb_is_left_as_it_is(dicom_file) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    np.testing.assert_array_equal(read_image(dicom_file(colour, "RGB")), colour)


def test_ybr_becomes_rgb(dicom_file) -> None:
    """PS3.3 C.7.6.3.1.2: Y 128 with neutral chroma is mid-grey; Y 76, Cb 85, Cr 255 is red."""
    ybr = np.array([[[128, 128, 128], [76, 85, 255]]], np.uint8)
    got = read_image(dicom_file(ybr, "YBR_FULL")).astype(int)
    assert np.abs(got - [[[128, 128, 128], [255, 0, 0]]]).max() <= 2


def test_a_palette_is_looked_up(dicom_file) -> None:
    table = np.zeros((3, 256), np.uint8)
    table[0], table[1] = np.arange(256), 255 - np.arange(256)
    tags = {}
    for row, colour in zip(table, ("Red", "Green", "Blue"), strict=True):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 8]
        tags[f"{colour}PaletteColorLookupTableData"] = row.tobytes()
    got = read_image(dicom_file(np.array([[0, 10], [200, 255]], np.uint8), "PALETTE COLOR", **tags))
    np.testing.assert_array_equal(got[1, 0], [200, 55, 0])


def test_a_palette_of_16_bits_loses_its_lower_ones(dicom_file) -> None:
    tags = {}
    for colour in ("Red", "Green", "Blue"):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tags[f"{colour}PaletteColorLookupTableData"] = (np.arange(256, dtype=np.uint16) * 257).tobytes()
    got = read_image(dicom_file(np.array([[50, 10], [200, 100]], np.uint8), "PALETTE COLOR", **tags))
    np.testing.assert_array_equal(got[..., 1], [[50, 10], [200, 100]])


def test_a_suffix_is_not_needed(dicom_file) -> None:
    np.testing.assert_array_equal(read_image(dicom_file(RAMP, name="IM000001")), scaled(RAMP))


def test_a_constant_image_is_black(dicom_file) -> None:
    assert not read_image(dicom_file(np.full((4, 4), 900, np.int16))).any()


def test_several_frames_are_refused(refuses, dicom_file) -> None:
    path = dicom_file(np.zeros((3, 8, 8), np.uint8), NumberOfFrames=3)
    with refuses(ImageError, "3 frames", "single-frame"):
        read_image(path)


@pytest.mark.parametrize("tag", ["PixelData", "Rows", "BitsAllocated", "PhotometricInterpretation", "SamplesPerPixel"])
def test_a_missing_tag_is_refused(refuses, dicom_file, tag: str) -> None:
    path = dicom_file(RAMP, lacking=(tag,))
    with refuses(ImageError, str(path)):
        read_image(path)


@pytest.mark.parametrize(
    "tags",
    [
        {"WindowCenter": 10, "WindowWidth": 0},
        {"Rows": 5000, "Columns": 5000},
        {"BitsStored": 40},
        {"BitsAllocated": 13},
        {"SamplesPerPixel": 3},
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"PhotometricInterpretation": "HSV"},
        {"ModalityLUTSequence": Sequence([pydicom.Dataset()])},
    ],
    ids=str,
)
def test_nonsense_in_the_header_is_refused(refuses, dicom_file, tags: dict[str, object]) -> None:
    path = dicom_file(RAMP, **tags)
    with refuses(ImageError, str(path)):
        read_image(path)


def test_a_giant_is_refused_before_it_is_decoded(refuses, dicom_file) -> None:
    path = dicom_file(RAMP, Rows=60_000, Columns=60_000)
    with refuses(ImageError, "3,600,000,000 pixels"):
        read_image(path)


def test_a_truncated_file_is_refused_wherever_it_ends(refuses, dicom_file, tmp_path: Path) -> None:
    whole, cut = dicom_file(RAMP).read_bytes(), tmp_path / "cut.dcm"
    for length in range(1, len(whole) - 1, 7):
        cut.write_bytes(whole[:length])
        with refuses(ImageError, str(cut)):
            read_image(cut)


def test_a_damaged_file_is_an_image_or_an_image_error(dicom_file, tmp_path: Path) -> None:
    tags = {"WindowCenter": 40, "WindowWidth": 400, "RescaleSlope": 2, "RescaleIntercept": -1000}
    whole, damaged, rng = dicom_file(RAMP, **tags).read_bytes(), tmp_path / "damaged.dcm", np.random.default_rng(2)
    start = len(whole) - RAMP.nbytes
    for _ in range(400):
        content = bytearray(whole)
        for position in rng.integers(132, start, rng.integers(1, 4)):
            content[position] = rng.integers(256)
        damaged.write_bytes(content)
        try:
            got = read_image(damaged)
        except ImageError:
            continue
        assert got.dtype == np.uint8
        assert got.ndim in (2, 3)


def test_the_monochrome_twins_show_the_same_patient_either_way(dicom_samples: Path) -> None:
    """Two files with the same stored values, one of which says that 0 is white."""
    mono1, mono2 = (read_image(dicom_samples / "cr" / f"txv_mono{i}.dcm") for i in (1, 2))
    np.testing.assert_array_equal(mono1, 255 - mono2)


def test_every_uncompressed_sample_agrees_with_pydicoms_own_pipeline(dicom_samples: Path) -> None:
    n_checked = 0
    for path in _samples(dicom_samples, compressed=False):
        instance = pydicom.dcmread(path)
        got = read_image(path)
        if instance.SamplesPerPixel == 3:
            np.testing.assert_array_equal(got, instance.pixel_array, err_msg=path.name)
        else:
            shown = apply_voi_lut(apply_modality_lut(instance.pixel_array, instance), instance)
            expected = scaled(shown)
            if instance.PhotometricInterpretation == "MONOCHROME1":
                expected = 255 - expected
            np.testing.assert_allclose(got.astype(int), expected, atol=1, err_msg=path.name)
        assert got.shape[:2] == (instance.Rows, instance.Columns)
        n_checked += 1
    assert n_checked >= 10


def test_one_picture_in_five_transfer_syntaxes_is_one_picture(dicom_samples: Path) -> None:
    pytest.importorskip("pylibjpeg", reason="pip install 'pylibjpeg[all]'")
    plain = read_image(dicom_samples / "mr" / "MR_small.dcm")
    for name in ("implicit", "RLE", "jp2klossless", "jpeg_ls_lossless"):
        np.testing.assert_array_equal(read_image(dicom_samples / "mr" / f"MR_small_{name}.dcm"), plain, err_msg=name)


def test_every_compressed_sample_is_read(dicom_samples: Path) -> None:
    pytest.importorskip("pylibjpeg", reason="pip install 'pylibjpeg[all]'")
    paths = [path for path in _samples(dicom_samples, compressed=True) if "series" not in str(path)]
    for path in paths:
        got = read_image(path)
        assert got.dtype == np.uint8
        assert got.min() < got.max()
    assert len(paths) >= 8


def test_the_truncated_and_the_multi_frame_samples_are_refused(refuses, dicom_samples: Path) -> None:
    with refuses(ImageError, "MR_truncated.dcm"):
        read_image(dicom_samples / "mr_broken" / "MR_truncated.dcm")
    for name in ("mr/emri_small.dcm", "ct/eCT_Supplemental.dcm", "us/examples_ybr_color.dcm"):
        with refuses(ImageError, "frames"):
            read_image(dicom_samples / name)


def test_a_missing_decoder_is_answered_with_the_pip_line(dicom_samples: Path, python) -> None:
    done = python(WITHOUT_DECODERS, dicom_samples / "mr" / "MR_small_jpeg_ls_lossless.dcm")
    assert done.stdout.split(maxsplit=1) == ["41", "pip install 'pylibjpeg[all]'\n"], done.stderr[-2000:]


def _samples(folder: Path, *, compressed: bool) -> list[Path]:
    plain = {"Explicit VR Little Endian", "Implicit VR Little Endian", "Explicit VR Big Endian"}
    with (folder / "metadata.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["frames"] == "1" and row["decode"].startswith("ok")]
    return [folder / row["file"] for row in rows if (row["transfer_syntax"] not in plain) == compressed]
