"""Label maps: read beside their image, written on its grid."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.base.errors import ImageError, ShapeError
from bedside.data.label_maps import check_pair, read_label_map
from bedside.data.volume import canonical, made_canonical, uncanonical
from bedside.data.volume_reading import read_volume

nibabel = pytest.importorskip("nibabel", reason="pip install 'bedside[nifti]'")

from bedside.data.nifti import read_grid, write_label_map

VOXELS = np.arange(2 * 3 * 4).reshape(2, 3, 4)


def turned(order: tuple[int, ...], signs: tuple[int, ...], angle: float) -> np.ndarray:
    affine = np.eye(4)
    for column, (row, sign) in enumerate(zip(order, signs, strict=True)):
        affine[:3, column] = np.eye(3)[row] * sign * (column + 1)
    c, s = np.cos(angle), np.sin(angle)
    affine[:3, 3] = (5, -7, 11)
    return np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) @ affine


def saved(path: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


@settings(deadline=None)
@given(st.permutations(range(3)), st.tuples(*[st.sampled_from([-1, 1])] * 3), st.floats(-0.6, 0.6))
def test_what_was_made_canonical_goes_back(order: list[int], signs: tuple[int, ...], angle: float) -> None:
    affine = turned(tuple(order), signs, angle)
    np.testing.assert_array_equal(uncanonical(canonical(VOXELS, affine)[0], affine), VOXELS)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_map_is_written_on_the_grid_of_its_image(tmp_path: Path, suffix: str, order: tuple[int, ...]) -> None:
    affine = turned(order, (-1, 1, -1), 0.2)
    image = nibabel.Nifti1Image(VOXELS.astype(np.int16), affine)
    image.header.set_sform(affine, code="mni")
    image.header.set_qform(affine, code="scanner")
    image.header.set_slope_inter(2, -1)
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, tmp_path / "image.nii.gz")
    volume = read_volume(tmp_path / "image.nii.gz")
    write_label_map(tmp_path / f"map{suffix}", (volume.values > 20).astype(np.uint8), volume, tmp_path / "image.nii.gz")

    theirs, ours = nibabel.load(tmp_path / "image.nii.gz"), nibabel.load(tmp_path / f"map{suffix}")
    np.testing.assert_array_equal(ours.affine, theirs.affine)
    np.testing.assert_array_equal(ours.get_sform(), theirs.get_sform())
    np.testing.assert_array_equal(ours.get_qform(), theirs.get_qform())
    assert (int(ours.header["sform_code"]), int(ours.header["qform_code"])) == (4, 1)
    assert ours.header.get_xyzt_units()[0] == "mm"
    assert ours.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(ours.dataobj), theirs.get_fdata() > 20)
    np.testing.assert_array_equal(read_label_map(tmp_path / f"map{suffix}", like=volume), volume.values > 20)


def test_a_map_of_a_volume_without_nifti_lies_where_the_volume_lies(tmp_path: Path) -> None:
    volume = made_canonical(VOXELS.astype(np.float32), turned((1, 0, 2), (1, -1, 1), 0.1))
    write_label_map(tmp_path / "map.nii", (volume.values % 3).astype(np.uint8), volume)
    back = read_volume(tmp_path / "map.nii")
    np.testing.assert_array_equal(back.values, volume.values % 3)
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-6)


def test_the_same_map_gives_the_same_bytes(tmp_path: Path) -> None:
    volume = made_canonical(VOXELS.astype(np.float32), np.eye(4))
    for name in ("a.nii.gz", "b.nii.gz"):
        write_label_map(tmp_path / name, np.ones(volume.values.shape, np.uint8), volume)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_voxels_have_their_content_in_ml() -> None:
    assert made_canonical(VOXELS.astype(np.float32), np.diag([1, 2, 5, 1.0])).voxel_ml == pytest.approx(0.01)


def test_a_map_of_another_shape_is_named(tmp_path: Path) -> None:
    image, labels = (
        saved(tmp_path / "i.nii", np.ones((2, 3, 4)), np.eye(4)),
        saved(tmp_path / "l.nii", np.ones((2, 3, 5)), np.eye(4)),
    )
    with pytest.raises(ImageError, match=r"l\.nii has the shape \(2, 3, 5\)"):
        check_pair(image, labels)
    with pytest.raises(ImageError, match=r"l\.nii has the shape \(5, 3, 2\)"):
        read_label_map(labels, like=read_volume(image))
    with pytest.raises(ShapeError):
        write_label_map(tmp_path / "o.nii", np.ones((2, 2, 2), np.uint8), read_volume(image))


def test_a_map_that_lies_elsewhere_is_named(tmp_path: Path) -> None:
    image, labels = (
        saved(tmp_path / "i.nii", np.ones((2, 3, 4)), np.eye(4)),
        saved(tmp_path / "l.nii", np.ones((2, 3, 4)), turned((0, 1, 2), (1, 1, 1), 0)),
    )
    for check in (lambda: check_pair(image, labels), lambda: read_label_map(labels, like=read_volume(image))):
        with pytest.raises(ImageError, match=r"l\.nii and its image i\.nii lie .* mm apart"):
            check()


@pytest.mark.parametrize(("values", "told"), [((0, 7), "7"), ((0, 0.5), "0.5"), ((0, 300), "300"), ((0, -1), "-1")])
def test_numbers_that_are_no_labels_are_named(tmp_path: Path, values: tuple[float, ...], told: str) -> None:
    path = saved(tmp_path / "l.nii", np.resize(np.array(values, np.float32), (2, 3, 4)), np.eye(4))
    with pytest.raises(ImageError, match=rf"l\.nii holds the label {told}"):
        read_label_map(path, known=(0, 1, 2))


def test_a_singular_affine_is_named_by_header_alone(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.ones((2, 2, 2), np.int16), np.eye(4))
    image.header.set_sform(np.zeros((4, 4)), code=1)
    image.header["qform_code"] = 0
    image.header["sform_code"] = 1
    (tmp_path / "flat.nii").write_bytes(image.header.binaryblock + bytes(4) + bytes(16))
    with pytest.raises(ImageError, match=r"flat\.nii has a singular affine"):
        read_grid(tmp_path / "flat.nii")
