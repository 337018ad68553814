"""Volumes come to the model's grid and go back; the preprocessing does it the same way from file and from memory."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.base.errors import ImageError, ShapeError
from bedside.base.jsonform import from_json, to_json
from bedside.data.phantom_volume import VolumePhantom
from bedside.data.preprocess import Preprocess
from bedside.data.volume_placing import Placing, placing_of, resampled, three_views
from bedside.data.window import Window

nibabel = pytest.importorskip("nibabel", reason="pip install 'bedside[nifti]'")

sides = st.tuples(*[st.integers(1, 12)] * 3)


@settings(deadline=None)
@given(sides, sides)
def test_what_fits_goes_there_and_back(own: tuple[int, ...], model: tuple[int, ...]) -> None:
    labels = np.random.default_rng(0).integers(0, 3, own, dtype=np.uint8)
    placing = placing_of(own, None, model=model)
    placed = placing.labels(labels)
    assert placed.shape == model
    one_hot = (placed == np.arange(3)[:, None, None, None]).astype(np.float32)
    back = placing.restored(one_hot)
    np.testing.assert_allclose(back.sum(0), 1, atol=1e-6)
    seen = placing.cut(np.ones(own, np.uint8)).sum()
    assert (back.argmax(0) == labels).sum() >= seen
    if all(m >= n for m, n in zip(model, own, strict=True)):
        np.testing.assert_array_equal(back.argmax(0), labels)


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 30))
def test_resampling_keeps_constants_and_straight_lines(n_in: int, n_out: int) -> None:
    np.testing.assert_allclose(resampled(np.full((n_in, 2, 2), 7.0), (n_out, 2, 2)), 7, rtol=1e-5)
    if n_in > 2 and n_out > n_in:
        line = resampled(np.arange(n_in, dtype=float)[:, None, None], (n_out, 1, 1))[:, 0, 0]
        expected = np.clip((np.arange(n_out) + 0.5) * n_in / n_out - 0.5, 0, n_in - 1)
        np.testing.assert_allclose(line, expected, atol=1e-4)


def test_shrinking_is_pillows_bilinear_with_antialiasing() -> None:
    from PIL import Image

    plane = np.random.default_rng(0).random((24, 18)).astype(np.float32)
    theirs = np.asarray(Image.fromarray(plane).resize((7, 11), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(resampled(plane[None], (1, 11, 7))[0], theirs, atol=1e-5)


def test_labels_are_never_mixed_and_stay_in_place() -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[4:] = 7
    placing = placing_of((8, 8, 8), (2.0, 2.0, 2.0), target_mm=1.0, model=(16, 16, 16))
    placed = placing.labels(labels)
    np.testing.assert_array_equal(np.unique(placed), [0, 7])
    np.testing.assert_array_equal(np.flatnonzero(placed.any(axis=(1, 2))), np.arange(8, 16))


def test_an_axis_of_thick_slices_is_resampled_alone() -> None:
    assert placing_of((10, 20, 20), (5.0, 1.0, 1.0), target_mm=1.0).resampled == (50, 20, 20)


def test_every_axis_comes_to_its_own_spacing_and_back() -> None:
    placing = placing_of((10, 20, 30), (5.0, 1.0, 0.5), target_mm=(2.5, 2.0, 0.5), model=(24, 8, 32))
    assert placing.resampled == (20, 10, 30)
    labels = np.zeros((10, 20, 30), np.uint8)
    labels[4:6, 8:12, 10:20] = 1
    placed = placing.labels(labels)
    np.testing.assert_array_equal(np.flatnonzero(placed.any(axis=(1, 2))), np.arange(10, 14))
    np.testing.assert_array_equal(np.flatnonzero(placed.any(axis=(0, 2))), np.arange(3, 5))
    one_hot = (placed == np.arange(2)[:, None, None, None]).astype(np.float32)
    back = placing.restored(one_hot).argmax(0)
    assert 2 * (back * labels).sum() / (back.sum() + labels.sum()) > 0.85


def test_where_the_model_saw_nothing_there_is_background() -> None:
    placing = Placing(own=(6, 6, 6), resampled=(6, 6, 6), model=(2, 6, 6))
    back = placing.restored(np.stack([np.zeros((2, 6, 6)), np.ones((2, 6, 6))]).astype(np.float32))
    np.testing.assert_array_equal(back.argmax(0).any(axis=(1, 2)), [0, 0, 1, 1, 0, 0])


@pytest.mark.parametrize(
    ("spacing", "target"), [(None, 1.0), ((1e6, 1.0, 1.0), 1.0)], ids=["no spacing", "a mad spacing"]
)
def test_what_cannot_be_resampled_is_refused(spacing: tuple[float, ...] | None, target: float) -> None:
    with pytest.raises(ImageError):
        placing_of((4, 4, 4), spacing, target_mm=target)


def test_three_views_show_every_axis() -> None:
    voxels = np.zeros((4, 5, 6), np.uint8)
    voxels[2], voxels[:, 2], voxels[:, :, 3] = 1, 2, 3
    assert three_views(voxels).shape == (5, 6 + 6 + 5)
    assert set(np.unique(three_views(voxels))) == {0, 1, 2, 3}


class TestPreprocess:
    model = Preprocess(n_channels=1, depth_px=16, height_px=24, width_px=16, spacing_mm=1.0)

    def saved(self, folder: Path, spacing: tuple[float, float, float] = (1, 1, 1)) -> tuple[Path, np.ndarray]:
        voxels = VolumePhantom().volume(0)[0]
        values = voxels.transpose(2, 1, 0).astype(np.float32) * 13.7 - 200
        nibabel.save(nibabel.Nifti1Image(values, np.diag([*spacing, 1.0])), folder / "v.nii.gz")
        return folder / "v.nii.gz", voxels

    def test_a_file_is_oriented_scaled_and_placed(self, tmp_path: Path) -> None:
        path, voxels = self.saved(tmp_path)
        placed = self.model.pixels_of(path)
        assert placed.shape == self.model.spec.shape == (1, 16, 24, 16)
        low, high = np.percentile(voxels, [0.5, 99.5], method="lower")
        expected = np.round((np.clip(voxels, low, high) - low) / (high - low) * 255)
        np.testing.assert_allclose(placed[0], expected, atol=1)

    def test_scanners_units_do_not_matter(self, tmp_path: Path) -> None:
        path = self.saved(tmp_path)[0]
        image = nibabel.load(path)
        nibabel.save(nibabel.Nifti1Image(image.get_fdata() * 1000 + 5, image.affine), tmp_path / "w.nii.gz")
        difference = self.model.pixels_of(path).astype(int) - self.model.pixels_of(tmp_path / "w.nii.gz")
        assert np.abs(difference).max() <= 1

    def test_other_spacings_come_to_the_models(self, tmp_path: Path) -> None:
        path = self.saved(tmp_path, (2, 2, 2))[0]
        raw, spacing = self.model.read(path)
        assert spacing == (2, 2, 2)
        assert self.model.placing(raw.shape, spacing).resampled == (32, 48, 32)
        assert self.model.pixels_of(path).shape == (1, 16, 24, 16)

    def test_a_window_of_measured_values_is_heeded(self, tmp_path: Path) -> None:
        path = self.saved(tmp_path)[0]
        from dataclasses import replace

        windowed = replace(self.model, window=Window(centre=-1e6, width=10))
        assert (windowed.pixels_of(path) == 255).all()

    def test_z_scores_are_those_of_the_volume(self) -> None:
        from dataclasses import replace

        voxels = VolumePhantom().volume(0)[0]
        made = replace(self.model, normalization="z_score")(voxels, (1, 1, 1))
        assert made.mean() == pytest.approx(0, abs=1e-5)
        assert made.std() == pytest.approx(1, abs=1e-5)

    def test_its_json_comes_back_and_images_keep_theirs(self) -> None:
        assert from_json(Preprocess, to_json(self.model)) == self.model
        assert b"depth" not in to_json(Preprocess(n_channels=1, height_px=8, width_px=8))

    def test_three_spacings_are_z_y_x(self, tmp_path: Path) -> None:
        from dataclasses import replace

        path = self.saved(tmp_path, (0.5, 1, 5))[0]  # the file's axes are R, A, S
        thick = replace(self.model, spacing_mm=(5.0, 2.0, 1.0))
        raw, spacing = thick.read(path)
        assert spacing == (5, 1, 0.5)
        assert thick.placing(raw.shape, spacing).resampled == (16, 12, 8)
        assert thick.own_spacing_mm == (5.0, 2.0, 1.0)
        assert from_json(Preprocess, to_json(thick)) == thick
        for wrong in ((5.0, 1.0, 0.0), (5.0, 1.0, 1e4)):
            with pytest.raises(ShapeError, match="spacing"):
                replace(self.model, spacing_mm=wrong)
        with pytest.raises(ShapeError, match="square"):
            Preprocess(n_channels=1, height_px=8, width_px=8, spacing_mm=(1.0, 1.0, 1.0))

    def test_an_image_is_no_volume(self) -> None:
        with pytest.raises(ShapeError, match="a volume"):
            self.model.geometry(np.zeros((8, 8), np.uint8))
        with pytest.raises(ShapeError):
            Preprocess(n_channels=3, depth_px=8, height_px=8, width_px=8)
