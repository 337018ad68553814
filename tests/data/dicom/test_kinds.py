"""Kinds of DICOM beyond the samples, written here and compared with pydicom's own pipeline."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, convert_color_space
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from bedside.base.errors import ImageError
from bedside.data.dicom.picture import read_measured
from bedside.data.reading import read_image
from bedside.data.window import CT_WINDOWS

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

RNG = np.random.default_rng(7)
PICTURES = {
    "signed": RNG.integers(-1024, 3000, (40, 36)).astype(np.int16),
    "unsigned": RNG.integers(0, 3000, (40, 36)).astype(np.uint16),
    "bytes": RNG.integers(0, 256, (40, 36)).astype(np.uint8),
}
TONE = {"RescaleSlope": 1.5, "RescaleIntercept": -20, "WindowCenter": 200, "WindowWidth": 900}


def rewritten(path: Path, syntax: str) -> Path:
    """The same instance in another transfer syntax."""
    dataset = pydicom.dcmread(path)
    if syntax in (RLELossless, JPEG2000Lossless):
        pytest.importorskip("pylibjpeg", reason="pip install 'pylibjpeg[all]'")
        dataset.compress(syntax, generate_instance_uid=False)
    else:
        if syntax == ExplicitVRBigEndian:  # words of 16 bits, also where a pixel is one byte (PS3.5 8.1.2)
            dataset.PixelData = np.frombuffer(dataset.PixelData, np.uint16).byteswap().tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
    target = path.with_name(f"{path.stem}-{syntax}.dcm")
    pydicom.dcmwrite(
        target, dataset, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian
    )
    return target


def of_pydicom(path: Path) -> np.ndarray:
    """Its modality and VOI transforms, scaled to 0-255 by their range."""
    dataset = pydicom.dcmread(path)
    values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset).astype(np.float64)
    return np.round((values - values.min()) * (255 / (values.max() - values.min())))


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
    ],
    ids=lambda uid: uid.name,
)
def test_every_encoding_of_every_number_is_one_picture(dicom_file, kind: str, syntax: str) -> None:
    path = dicom_file(PICTURES[kind], **TONE)
    other = rewritten(path, syntax)
    np.testing.assert_array_equal(read_image(other), of_pydicom(path))
    np.testing.assert_array_equal(read_measured(other), (PICTURES[kind] * 1.5 - 20).astype(np.float32))


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_the_files_window_is_that_of_pydicom(dicom_file, function: str) -> None:
    path = dicom_file(PICTURES["signed"], **TONE, VOILUTFunction=function)
    assert np.abs(read_image(path) - of_pydicom(path)).max() <= 1


@pytest.mark.parametrize("first", [0, -500, 400])
def test_tables_of_modality_and_display_are_those_of_pydicom(dicom_file, first: int) -> None:
    modality, voi = Dataset(), Dataset()
    for item, n in ((modality, 2000), (voi, 900)):
        item.LUTData = np.sort(RNG.integers(0, 4096, n)).tolist()
        item["LUTData"].VR = "US"
    modality.add_new("LUTDescriptor", "SS" if first < 0 else "US", [2000, first, 16])
    modality.ModalityLUTType = "US"
    voi.add_new("LUTDescriptor", "US", [900, 300, 12])
    pixels = PICTURES["signed"] if first < 0 else np.abs(PICTURES["signed"])
    path = dicom_file(pixels, ModalityLUTSequence=Sequence([modality]), VOILUTSequence=Sequence([voi]))
    np.testing.assert_array_equal(read_image(path), of_pydicom(path))


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_colour_by_plane_or_by_pixel_is_that_of_pydicom(dicom_file, photometric: str, planar: int) -> None:
    colour = RNG.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    path = dicom_file(colour, photometric)
    dataset = pydicom.dcmread(path)
    dataset.PlanarConfiguration = planar
    dataset.PixelData = (colour.transpose(2, 0, 1) if planar else colour).tobytes()
    dataset.save_as(path)
    expected = colour if photometric == "RGB" else convert_color_space(colour, "YBR_FULL", "RGB")
    np.testing.assert_array_equal(read_image(path), expected)


def test_halved_chroma_is_spread_over_two_pixels(dicom_file) -> None:
    luma, chroma = RNG.integers(0, 256, (4, 8)).astype(np.uint8), RNG.integers(90, 160, (4, 4, 2)).astype(np.uint8)
    stored = np.concatenate([luma.reshape(4, 4, 2), chroma], axis=2)  # Y1 Y2 Cb Cr of each pair (PS3.3 C.7.6.3.1.2)
    path = dicom_file(np.zeros((4, 8, 3), np.uint8), "YBR_FULL_422")
    dataset = pydicom.dcmread(path)
    dataset.PixelData = stored.tobytes()
    dataset.save_as(path)
    whole = np.concatenate([luma[..., None], np.repeat(chroma, 2, axis=1)], axis=2)
    np.testing.assert_array_equal(read_image(path), convert_color_space(whole, "YBR_FULL", "RGB"))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_that_begins_elsewhere_is_that_of_pydicom(dicom_file, bits: int) -> None:
    dtype, tags = (np.uint8 if bits == 8 else np.uint16), {}
    for name in ("Red", "Green", "Blue"):
        tags[f"{name}PaletteColorLookupTableDescriptor"] = [100, 50, bits]
        tags[f"{name}PaletteColorLookupTableData"] = RNG.integers(0, 2**bits, 100).astype(dtype).tobytes()
    path = dicom_file(PICTURES["bytes"], "PALETTE COLOR", **tags)
    expected = apply_color_lut(PICTURES["bytes"], pydicom.dcmread(path))
    np.testing.assert_array_equal(read_image(path), expected if bits == 8 else expected >> 8)


def test_a_segmented_palette_is_unfolded(dicom_file) -> None:
    """PS3.3 C.7.9.2: one discrete segment, then a straight line to 200."""
    tags = {}
    segments = np.array([0, 2, 10, 20, 1, 198, 200], np.uint8)
    for name in ("Red", "Green", "Blue"):
        tags[f"{name}PaletteColorLookupTableDescriptor"] = [200, 0, 8]
        tags[f"Segmented{name}PaletteColorLookupTableData"] = segments.tobytes()
    path = dicom_file(np.array([[0, 1], [199, 255]], np.uint8), "PALETTE COLOR", **tags)
    np.testing.assert_array_equal(read_image(path)[..., 0], [[10, 20], [200, 200]])


def test_each_frame_of_an_enhanced_ct_has_its_own_window(dicom_file) -> None:
    frames = np.stack([PICTURES["signed"], PICTURES["signed"] + 100])
    items = []
    for centre in (40, 400):
        item, tone, voi = Dataset(), Dataset(), Dataset()
        tone.RescaleSlope, tone.RescaleIntercept, tone.RescaleType = 1, -5, "HU"
        voi.WindowCenter, voi.WindowWidth = centre, 500
        item.PixelValueTransformationSequence = Sequence([tone])
        item.FrameVOILUTSequence = Sequence([voi])
        items.append(item)
    path = dicom_file(frames, NumberOfFrames=2, Modality="CT", PerFrameFunctionalGroupsSequence=Sequence(items))
    for frame, centre in enumerate((40, 400)):
        tags = {"RescaleSlope": 1, "RescaleIntercept": -5, "WindowCenter": centre, "WindowWidth": 500}
        alone = dicom_file(frames[frame], name=f"{frame}.dcm", **tags)
        np.testing.assert_array_equal(read_image(path, frame=frame), read_image(alone))
        np.testing.assert_array_equal(read_measured(path, frame=frame), frames[frame] - 5.0)


def test_an_overlay_of_its_own_is_left_out_of_the_picture(dicom_file) -> None:
    path = dicom_file(PICTURES["bytes"])
    expected, dataset = read_image(path), pydicom.dcmread(path)
    for element, vr, value in ((0x0010, "US", 40), (0x0011, "US", 36), (0x0040, "CS", "G"), (0x0100, "US", 1),
                               (0x0102, "US", 0), (0x3000, "OW", bytes(180))):  # fmt: skip
        dataset.add_new((0x6000, element), vr, value)
    dataset.save_as(path)
    np.testing.assert_array_equal(read_image(path), expected)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("tags", [{"PixelPaddingValue": -2000}, {"PixelPaddingValue": 63536},
                                  {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1900}])  # fmt: skip
def test_padding_is_black_and_out_of_the_range(dicom_file, tags: dict, photometric: str, large: bool) -> None:
    pixels = RNG.integers(-100, 300, (300, 300) if large else (20, 20)).astype(np.int16)
    padded = pixels.copy()
    padded[:, :4] = -2000
    path = dicom_file(padded, photometric, name="padded.dcm")
    dataset = pydicom.dcmread(path)
    for name, value in tags.items():
        dataset.add_new(name, "US" if value > 0 else "SS", value)
    dataset.save_as(path)
    got, whole = read_image(path), read_image(dicom_file(pixels[:, 4:], photometric, name="whole.dcm"))
    np.testing.assert_array_equal(got[:, 4:], whole)
    assert not got[:, :4].any()
    assert not read_image(path, window=CT_WINDOWS["brain"])[:, :4].any()
    assert read_measured(path)[0, 0] == -2000


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"RescaleSlope": 2}, 2.0 * PICTURES["signed"]),
        ({"RescaleIntercept": -7}, PICTURES["signed"] - 7.0),
        ({"RescaleSlope": None, "RescaleIntercept": None}, PICTURES["signed"] * 1.0),
    ],
)
def test_half_a_rescale_is_the_half_that_is_there(dicom_file, tags: dict, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(read_measured(dicom_file(PICTURES["signed"], **tags)), expected)


def test_headers_that_contradict_their_pixels_are_refused_by_tag(refuses, dicom_file) -> None:
    twice = dicom_file(np.concatenate([PICTURES["signed"]] * 2), name="twice.dcm", Rows=40)
    with refuses(ImageError, str(twice), "(0028,0008)", "2 frames"):
        read_image(twice)
    halved = dicom_file(PICTURES["unsigned"], name="halved.dcm", BitsAllocated=8, BitsStored=8, HighBit=7)
    with refuses(ImageError, str(halved), "(0028,0100)"):
        read_image(halved)
    colour = dicom_file(np.zeros((4, 4, 3), np.uint8), "RGB", PhotometricInterpretation="MONOCHROME2")
    with refuses(ImageError, str(colour), "(0028,0002)", "(0028,0004)"):
        read_image(colour)
    bare = dicom_file(PICTURES["signed"], name="bare.dcm", ModalityLUTSequence=Sequence([Dataset()]))
    with refuses(ImageError, str(bare), "(0028,3000)", "(0028,3002)"):
        read_image(bare)
