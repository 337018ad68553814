"""Volumes: NIfTI, canonical order, arrays."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bedside.base.errors import ImageError
from bedside.data.volume import canonical, made_canonical
from bedside.data.volume_reading import read_volume

nibabel = pytest.importorskip("nibabel", reason="pip install 'bedside[nifti]'")

VOXELS = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)


def written(path: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


def turned(order: tuple[int, ...], signs: tuple[int, ...], angle: float) -> np.ndarray:
    affine = np.eye(4)
    for column, (row, sign) in enumerate(zip(order, signs, strict=True)):
        affine[:3, column] = np.eye(3)[row] * sign * (column + 1)
    c, s = np.cos(angle), np.sin(angle)
    rotation = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    affine[:3, 3] = (5, -7, 11)
    return rotation @ affine


@settings(deadline=None)
@given(st.permutations(range(3)), st.tuples(*[st.sampled_from([-1, 1])] * 3), st.floats(-0.6, 0.6))
def test_canonical_order_is_that_of_nibabel(order: list[int], signs: tuple[int, ...], angle: float) -> None:
    affine = turned(tuple(order), signs, angle)
    values, placed = canonical(VOXELS, affine)
    theirs = nibabel.as_closest_canonical(nibabel.Nifti1Image(VOXELS, affine))
    np.testing.assert_array_equal(values, theirs.get_fdata().transpose(2, 1, 0))
    np.testing.assert_allclose(placed[:, [2, 1, 0, 3]], theirs.affine, atol=1e-9)


def test_a_nifti_file_is_read_in_mm(tmp_path: Path) -> None:
    volume = read_volume(written(tmp_path / "a.nii.gz", VOXELS, np.diag([0.5, 2, 3, 1])))
    np.testing.assert_array_equal(volume.values, VOXELS.transpose(2, 1, 0))
    assert volume.spacing_mm == (3, 2, 0.5)
    assert volume.values.dtype == np.float32


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS.astype(np.int16), np.eye(4))
    image.header.set_slope_inter(2, -1)
    nibabel.save(image, tmp_path / "a.nii")
    back = nibabel.load(tmp_path / "a.nii")
    np.testing.assert_allclose(read_volume(tmp_path / "a.nii").values, back.get_fdata().transpose(2, 1, 0))


@pytest.mark.parametrize(
    "affine",
    [np.diag([1.0, 0, 1, 1]), np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])],
    ids=["no length", "two alike"],
)
def test_a_singular_affine_is_refused(refuses, tmp_path: Path, affine: np.ndarray) -> None:
    image = nibabel.Nifti1Image(VOXELS, np.eye(4))
    image.header.set_sform(affine, code=1)
    image.header.set_qform(None, code=0)
    path = tmp_path / "flat.nii"
    content = bytearray(image.to_bytes())
    content[280:328] = affine[:3].astype("<f4").tobytes()  # srow_x, srow_y, srow_z of the NIfTI-1 header
    path.write_bytes(content)
    with refuses(ImageError, "flat.nii", "singular"):
        read_volume(path)
    with refuses(ImageError, "singular"):
        made_canonical(VOXELS, affine, source="made")


def test_damage_time_series_and_nan_are_refused(refuses, tmp_path: Path) -> None:
    whole = written(tmp_path / "a.nii.gz", VOXELS, np.eye(4)).read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.nii").write_text("no")
    (tmp_path / "odd.nii.gz").write_bytes(gzip.compress(b"\0" * 400))
    for name in ("cut.nii.gz", "text.nii", "odd.nii.gz", "absent.nii"):
        with refuses(ImageError, name):
            read_volume(tmp_path / name)
    with refuses(ImageError, "(2, 3, 4, 5)"):
        read_volume(written(tmp_path / "b.nii", np.zeros((2, 3, 4, 5), np.float32), np.eye(4)))
    with refuses(ImageError, "NaN"):
        read_volume(written(tmp_path / "c.nii", np.full((2, 3, 4), np.nan, np.float32), np.eye(4)))


def test_arrays_are_taken_as_they_lie(refuses, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", volume=VOXELS, label=np.zeros(3))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.npz").values, VOXELS)
    np.save(tmp_path / "b.npy", VOXELS[0])
    with refuses(ImageError, "b.npy", "(3, 4)"):
        read_volume(tmp_path / "b.npy")
    np.savez(tmp_path / "c.npz", x=VOXELS, y=VOXELS)
    with refuses(ImageError, "x, y"):
        read_volume(tmp_path / "c.npz")


@pytest.mark.parametrize(("name", "word"), [("a.png", "still picture"), ("a.jpg", "still picture"), ("a.mp4", "film")])
def test_a_picture_and_a_film_are_called_what_they_are(refuses, tmp_path: Path, name: str, word: str) -> None:
    if name.endswith("mp4"):
        (tmp_path / name).write_bytes(b"\0" * 200)
    else:
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / name)
    with refuses(ImageError, name, word):
        read_volume(tmp_path / name)


def test_real_volumes_agree_with_nibabel(shared_data: Path) -> None:
    paths = sorted((shared_data / "mri_hippocampus_msd" / "images").glob("*.nii.gz"))[:6]
    assert paths
    for path in paths:
        theirs = nibabel.as_closest_canonical(nibabel.load(path))
        volume = read_volume(path)
        np.testing.assert_allclose(volume.values, theirs.get_fdata(dtype=np.float32).transpose(2, 1, 0), rtol=1e-6)
        np.testing.assert_allclose(volume.spacing_mm, np.array(theirs.header.get_zooms())[::-1], rtol=1e-6)
