"""Series assembled by geometry."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from bedside.base.errors import ImageError
from bedside.data.dicom.folder import series_in
from bedside.data.dicom.series import read_series
from bedside.data.volume_reading import read_volume

N, ROWS, COLUMNS = 5, 4, 6


def pixels(i: int) -> np.ndarray:
    return (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) + 100 * i).astype(np.int16)


@pytest.fixture
def series(slice_file) -> list[Path]:
    """Five slices whose names, numbers and places are in three different orders."""
    return [slice_file(f"{(3 * i) % 7}.dcm", 2.0 * i, pixels(i), InstanceNumber=9 - i) for i in range(N)]


def test_slices_are_sorted_by_place_not_by_name(series: list[Path]) -> None:
    volume = read_volume(series[0].parent)
    assert volume.values.shape == (N, ROWS, COLUMNS)
    assert volume.spacing_mm == pytest.approx((2.0, 0.5, 0.75))
    # Axial DICOM runs to the left and the back; canonical order runs to the right and the front.
    expected = np.stack([pixels(i)[::-1, ::-1] for i in range(N)]) - 1000.0
    np.testing.assert_array_equal(volume.values, expected)
    assert volume.report.n_files == N
    assert not volume.report.gaps_mm
    assert not volume.report.duplicates
    assert volume.modality == "CT"


def test_every_voxel_is_where_the_standard_puts_it(series: list[Path]) -> None:
    """PS3.3 C.7.6.2.1.1, for the voxel of slice 3, row 1, column 2; then LPS to RAS."""
    volume = read_series(series)
    d, h, w = 3, ROWS - 1 - 1, COLUMNS - 1 - 2
    assert volume.values[d, h, w] == pixels(3)[1, 2] - 1000
    x, y, z = -10 + 2 * 0.75, -20 + 1 * 0.5, 6.0
    np.testing.assert_allclose(volume.affine @ [d, h, w, 1], [-x, -y, z, 1])


def test_the_order_of_the_files_does_not_matter(series: list[Path]) -> None:
    first, second = read_series(series), read_series(series[::-1])
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_allclose(first.affine, second.affine)


def test_oblique_slices_keep_their_places(slice_file) -> None:
    c, s = np.cos(0.3), np.sin(0.3)
    orientation, normal = [1, 0, 0, 0, c, s], np.array([0, -s, c])
    files = []
    for i in range(4):
        place = (np.array([1, 2, 3]) + 1.5 * i * normal).tolist()
        files.append(
            slice_file(f"{i}.dcm", 0, pixels(i), ImageOrientationPatient=orientation, ImagePositionPatient=place)
        )
    volume = read_series(files)
    assert volume.spacing_mm == pytest.approx((1.5, 0.5, 0.75))
    assert not volume.report.notes
    d, h, w = 2, ROWS - 1, COLUMNS - 1
    expected = np.array([1, 2, 3]) + 3 * normal
    np.testing.assert_allclose((volume.affine @ [d, h, w, 1])[:3], expected * [-1, -1, 1], atol=1e-9)


def test_a_tilted_gantry_is_noted(slice_file) -> None:
    files = [slice_file(f"{i}.dcm", 0, pixels(i), ImagePositionPatient=[0, 0.4 * i, 2 * i]) for i in range(3)]
    assert "tilted" in read_series(files).report.notes[0]


def test_a_gap_is_reported_and_does_not_stretch_the_rest(series: list[Path], slice_file) -> None:
    series[2].unlink()
    volume = read_volume(series[0].parent)
    assert volume.values.shape[0] == N - 1
    assert volume.report.gaps_mm == ((2.0, 4.0),)
    assert volume.spacing_mm[0] == pytest.approx(2.0)


def test_a_copy_is_reported_and_left_out(series: list[Path], slice_file) -> None:
    slice_file("copy.dcm", 4.0, pixels(2))
    volume = read_volume(series[0].parent)
    assert volume.values.shape[0] == N
    assert len(volume.report.duplicates) == 1


def test_two_slices_at_one_place_are_a_mixed_series(refuses, series: list[Path], slice_file) -> None:
    slice_file("echo2.dcm", 4.0, pixels(2) + 1)
    with refuses(ImageError, "(0020,0032)", "echo2.dcm", "mixed"):
        read_volume(series[0].parent)


def test_several_series_are_never_merged(refuses, series: list[Path], slice_file) -> None:
    other = slice_file("other.dcm", 50.0, pixels(1), SeriesInstanceUID="1.2.9")
    with refuses(ImageError, "2 series", "other.dcm"):
        read_volume(series[0].parent)
    with refuses(ImageError, "(0020,000E)", "other.dcm"):
        read_series([*series, other])
    assert sorted(len(s.files) for s in series_in(series[0].parent).series) == [1, N]


def test_a_bad_file_among_good_ones_is_named_not_dropped(series: list[Path]) -> None:
    (series[0].parent / "notes.dcm").write_text("felt better " * 50)
    volume = read_volume(series[0].parent)
    assert volume.values.shape[0] == N
    assert "notes.dcm" in volume.report.notes[0]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"ImageOrientationPatient": [0, 1, 0, 0, 0, 1]}, "(0020,0037)"),
        ({"PixelSpacing": [0.5, 0.5]}, "(0028,0030)"),
        ({"FrameOfReferenceUID": "1.9"}, "(0020,0052)"),
        ({"Modality": "MR"}, "(0008,0060)"),
        ({"PixelSpacing": None}, "(0028,0030)"),
        ({"ImagePositionPatient": None}, "(0020,0032)"),
        ({"ImageOrientationPatient": None}, "(0020,0037)"),
        ({"PixelSpacing": [0.5, -1]}, "(0028,0030)"),
    ],
    ids=str,
)
def test_slices_that_do_not_go_together_are_refused_by_tag(
    refuses, series: list[Path], slice_file, change: dict, word: str
) -> None:
    odd = slice_file("odd.dcm", 20.0, pixels(1), **change)
    with refuses(ImageError, "odd.dcm", word):
        read_series([*series, odd])


def test_slices_of_another_size_are_refused(refuses, series: list[Path], slice_file) -> None:
    odd = slice_file("odd.dcm", 20.0, np.zeros((3, 3), np.int16))
    with refuses(ImageError, "odd.dcm", "(0028,0010)"):
        read_series([*series, odd])


def test_an_enhanced_instance_has_a_place_and_a_rescale_a_frame(dicom_file) -> None:
    """The frames lie in the file in another order than in the patient, and each has its own slope."""
    order, frames = [2, 0, 3, 1], []
    for place in order:
        frame, position, transform = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, 3.0 * place]
        transform.RescaleSlope, transform.RescaleIntercept, transform.RescaleType = place + 1, -10, "US"
        frame.PlanePositionSequence = Sequence([position])
        frame.PixelValueTransformationSequence = Sequence([transform])
        frames.append(frame)
    shared, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1.0, 2.0], 3.0
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([plane])
    stored = np.stack([pixels(place) for place in order])
    path = dicom_file(
        stored, NumberOfFrames=4, Modality="MR", PerFrameFunctionalGroupsSequence=Sequence(frames),
        SharedFunctionalGroupsSequence=Sequence([shared]),
    )  # fmt: skip
    volume = read_volume(path)
    expected = np.stack([pixels(p)[::-1, ::-1] * (p + 1.0) - 10 for p in range(4)])
    np.testing.assert_array_equal(volume.values, expected)
    assert volume.spacing_mm == pytest.approx((3.0, 1.0, 2.0))


def test_the_real_series_are_whole(dicom_samples: Path) -> None:
    hippocampus = read_volume(dicom_samples / "mr" / "hippocampus_series")
    assert hippocampus.values.shape == (32, 51, 35)
    assert not hippocampus.report.gaps_mm
    chest = read_volume(dicom_samples / "ct" / "totalseg_series")
    assert chest.values.shape == (8, 512, 512)
    assert chest.values.min() == -1024
    head = read_volume(dicom_samples / "mr" / "studyforrest_t1")
    assert head.values.shape == (3, 384, 274), "a sagittal or oblique head in canonical order"
    supplement = read_volume(dicom_samples / "ct" / "eCT_Supplemental.dcm")
    assert supplement.values.shape == (2, 512, 512)
    assert supplement.spacing_mm == pytest.approx((10, 0.388672, 0.388672))
