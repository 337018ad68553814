"""Stored values: every transfer syntax, and headers that lie about their bits."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG4HP41

from bedside.base.errors import ImageError
from bedside.data.reading import read_image, read_picture

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

VALUES = np.arange(-2048, 2048, 43).reshape(8, 12).astype(np.int16)


def test_bits_above_those_stored_are_refused_where_they_hold_the_image(refuses, dicom_file) -> None:
    path = dicom_file(np.array([[10, 5000]], np.uint16), BitsStored=12, HighBit=11)
    with refuses(ImageError, str(path), "(0028,0101)", "[10, 5000]"):
        read_image(path)


def test_a_repeated_sign_and_zeros_above_are_both_sound(dicom_file) -> None:
    extended = dicom_file(VALUES, name="a.dcm", BitsStored=12, HighBit=11)
    zeros = dicom_file(VALUES & 0x0FFF, name="b.dcm", BitsStored=12, HighBit=11, PixelRepresentation=1)
    np.testing.assert_array_equal(read_image(extended), read_image(zeros))


def test_an_overlay_in_the_spare_bits_is_cleared(dicom_file) -> None:
    plain = np.arange(96, dtype=np.uint16).reshape(8, 12)
    path = dicom_file(plain | 0x1000, BitsStored=12, HighBit=11)
    dataset = pydicom.dcmread(path)
    dataset.add_new((0x6000, 0x0102), "US", 12)
    dataset.save_as(path)
    np.testing.assert_array_equal(read_image(path), read_image(dicom_file(plain, name="plain.dcm")))


@pytest.mark.parametrize("syntax", [MPEG4HP41, "1.2.3.4.5"])
def test_an_unknown_transfer_syntax_is_named(refuses, dicom_file, syntax: str) -> None:
    path = dicom_file(VALUES)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([dataset.PixelData])
    dataset["PixelData"].is_undefined_length = True
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True, force_encoding=True)
    path.write_bytes(buffer.getvalue())
    with refuses(ImageError, str(path), "(0002,0010)", syntax):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [("SR", "Comprehensive SR Storage"), ("PDF", "Encapsulated PDF Storage"), ("plan", "RT Plan Storage")],
)
def test_what_is_no_image_is_named(refuses, dicom_file, name: str, words: str) -> None:
    uids = {"SR": "1.2.840.10008.5.1.4.1.1.88.33", "PDF": "1.2.840.10008.5.1.4.1.1.104.1",
            "plan": "1.2.840.10008.5.1.4.1.1.481.5"}  # fmt: skip
    path = dicom_file(VALUES, SOPClassUID=uids[name], lacking=("PixelData",))
    with refuses(ImageError, str(path), words, "(7FE0,0010)"):
        read_image(path)


def test_a_file_without_preamble_and_meta_is_read(dicom_file) -> None:
    path = dicom_file(VALUES)
    expected, bare = read_image(path), pydicom.Dataset()
    bare.update(pydicom.dcmread(path))
    bare.save_as(path, implicit_vr=False, little_endian=True)
    assert b"DICM" not in path.read_bytes()
    np.testing.assert_array_equal(read_image(path), expected)


def test_one_frame_of_several_can_be_had(refuses, dicom_file) -> None:
    frames = np.stack([np.full((4, 4), i, np.uint8) for i in range(3)])
    frames[:, 0, 0] = 9
    path = dicom_file(frames, NumberOfFrames=3)
    np.testing.assert_array_equal(read_image(path, frame=2)[1], np.zeros(4))
    with refuses(ImageError, "frame 3"):
        read_image(path, frame=3)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"PixelSpacing": [0.4, 0.6]}, (0.4, 0.6)),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (0.2, 0.1)),
        ({"PixelSpacing": [0.4, 0.6], "ImagerPixelSpacing": [0.2, 0.1]}, (0.4, 0.6)),
        ({"PixelSpacing": [0, 0.6]}, None),
        ({}, None),
    ],
)
def test_spacing_is_what_the_file_states_or_unknown(dicom_file, tags: dict, expected) -> None:
    assert read_picture(dicom_file(VALUES, **tags)).spacing_mm == expected


def test_an_ultrasound_region_in_centimetres_gives_a_spacing(dicom_file) -> None:
    region = pydicom.Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.03
    path = dicom_file(VALUES, SequenceOfUltrasoundRegions=[region])
    assert read_picture(path).spacing_mm == pytest.approx((0.3, 0.2))


def test_every_file_that_comes_with_pydicom_is_an_image_or_a_named_error() -> None:
    pytest.importorskip("pylibjpeg", reason="pip install 'pylibjpeg[all]'")
    n_read = 0
    for name in _files_of_pydicom():
        try:
            got = read_image(Path(name))
        except ImageError as error:
            assert name in str(error)
            assert error.expected
            continue
        stored = pydicom.dcmread(name, force=True)
        assert got.dtype == np.uint8
        assert got.shape[:2] == (stored.Rows, stored.Columns)
        n_read += 1
    assert n_read >= 35


def _files_of_pydicom() -> list[str]:
    """Those that lie in the package; it knows more, which it would download."""
    return [str(path) for path in sorted((Path(pydicom.__file__).parent / "data" / "test_files").rglob("*.dcm"))]
