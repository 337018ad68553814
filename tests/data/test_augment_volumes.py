"""Dice in one place, changes in another; volume and label map together."""

import numpy as np
import pytest
from scipy import ndimage

from bedside.data.augment_volumes import AugmentVolumes
from bedside.data.phantom_volume import VolumePhantom

STILL = AugmentVolumes(rotate_deg=0, shift_frac=0, scale_frac=0, gain_frac=0, offset_frac=0, gamma_frac=0, noise_frac=0)
SHAPE = (10, 14, 12)


def batch(n: int = 3) -> tuple[np.ndarray, np.ndarray]:
    made = [VolumePhantom(shape=SHAPE).volume(i) for i in range(n)]
    return np.stack([v[None] for v, _ in made]), np.stack([labels for _, labels in made])


def draw(augment: AugmentVolumes, n: int = 3, seed: int = 0):
    return augment.sample(np.random.default_rng(seed), n, SHAPE)


def test_the_same_seed_makes_the_same_volumes() -> None:
    volumes, labels = batch()
    a, b, c = (draw(AugmentVolumes(), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a(volumes), b(volumes))
    np.testing.assert_array_equal(a.on_masks(labels), b.on_masks(labels))
    assert (a(volumes) != c(volumes)).any()


def test_nothing_drawn_changes_nothing_and_inputs_survive() -> None:
    volumes, labels = batch()
    before = volumes.copy()
    np.testing.assert_array_equal(draw(STILL)(volumes), volumes)
    np.testing.assert_array_equal(draw(STILL).on_masks(labels), labels)
    draw(AugmentVolumes())(volumes)
    np.testing.assert_array_equal(volumes, before)


def test_geometry_is_that_of_scipy() -> None:
    volumes, labels = batch()
    moving = AugmentVolumes(
        rotate_deg=25, shift_frac=0.1, scale_frac=0.2, gain_frac=0, offset_frac=0, gamma_frac=0, noise_frac=0
    )
    decided = draw(moving, seed=5)
    centre = (np.array(SHAPE) - 1) / 2
    for i in range(3):
        linear, shift = decided.affine[i, :, :3].astype(float), decided.affine[i, :, 3].astype(float)
        offset = centre + shift - linear @ centre
        kept = {"offset": offset, "mode": "constant", "cval": 0}
        theirs = ndimage.affine_transform(volumes[i, 0].astype(float), linear, order=1, **kept)
        inside = ndimage.affine_transform(np.ones(SHAPE), linear, order=1, **kept) > 0.999
        np.testing.assert_allclose(decided(volumes)[i, 0][inside], np.round(theirs)[inside], atol=1.01)
        nearest = ndimage.affine_transform(labels[i], linear, order=0, **kept)
        assert (decided.on_masks(labels)[i] != nearest).mean() < 0.01


def test_labels_go_where_their_voxels_go() -> None:
    labels = batch()[1]
    as_image = (labels[:, None] == 1).astype(np.uint8) * 255
    decided = draw(AugmentVolumes(gain_frac=0, offset_frac=0, gamma_frac=0, noise_frac=0), seed=3)
    moved = decided(as_image)[:, 0] >= 128
    assert (moved != (decided.on_masks(labels) == 1)).mean() < 0.03


def test_flips_happen_along_the_named_axes_only() -> None:
    volumes = batch(40)[0]
    flipping = AugmentVolumes(
        rotate_deg=0, shift_frac=0, scale_frac=0, gain_frac=0, offset_frac=0, gamma_frac=0, noise_frac=0, flip_axes=(1,)
    )
    changed = draw(flipping, 40)(volumes)
    mirrored = [bool((new == old[:, :, ::-1]).all()) for new, old in zip(changed, volumes, strict=True)]
    same = [bool((new == old).all()) for new, old in zip(changed, volumes, strict=True)]
    assert all(a or b for a, b in zip(mirrored, same, strict=True))
    assert 8 < sum(mirrored) < 32
    assert AugmentVolumes().flip_axes == ()


def test_a_crop_is_cut_at_differing_places() -> None:
    volumes, labels = batch()
    cropping = AugmentVolumes(
        rotate_deg=0, shift_frac=0, scale_frac=0, gain_frac=0, offset_frac=0, gamma_frac=0, noise_frac=0, crop=(8, 8, 8)
    )
    decided = draw(cropping)
    assert decided(volumes).shape == (3, 1, 8, 8, 8)
    assert decided.on_masks(labels).shape == (3, 8, 8, 8)
    assert len(np.unique(decided.affine[:, :, 3], axis=0)) == 3


def test_picked_rows_keep_their_decisions() -> None:
    volumes, labels = batch()
    decided = draw(AugmentVolumes(noise_frac=0))
    picked = decided.pick(np.array([2, 0]))
    np.testing.assert_array_equal(picked(volumes[[2, 0]]), decided(volumes)[[2, 0]])
    np.testing.assert_array_equal(picked.on_masks(labels[[2, 0]]), decided.on_masks(labels)[[2, 0]])


@pytest.mark.parametrize("value", [0, 255])
def test_voxels_stay_bytes(value: int) -> None:
    changed = draw(AugmentVolumes(gain_frac=0.9, offset_frac=0.9))(np.full((3, 1, *SHAPE), value, np.uint8))
    assert changed.dtype == np.uint8


class TestThickSlices:
    """Voxels of 5 x 1 x 1 mm are turned as a patient turns."""

    def linear(self, **asked: object) -> np.ndarray:
        rng = np.random.default_rng(3)
        return AugmentVolumes(scale_frac=0.0, shift_frac=0.0, **asked).sample(rng, 40, (8, 24, 24)).affine[:, :, :3]  # type: ignore[arg-type]

    def test_turns_are_rigid_in_millimetres(self) -> None:
        size = np.array([2.0, 1.0, 0.8])
        for in_voxels in self.linear(voxel_mm=tuple(size)):
            in_mm = in_voxels * size[:, None] / size
            np.testing.assert_allclose(in_mm @ in_mm.T, np.eye(3), atol=1e-6)
        assert max(np.abs(m @ m.T - np.eye(3)).max() for m in self.linear(voxel_mm=tuple(size))) > 0.1

    def test_they_stay_in_their_plane(self) -> None:
        found = self.linear(voxel_mm=(5.0, 1.0, 1.0))
        np.testing.assert_array_equal(found[:, 0], np.broadcast_to([1, 0, 0], (40, 3)))
        assert np.abs(found[:, 1, 2]).max() > 0.1

    def test_cubes_are_moved_and_digested_as_they_were(self) -> None:
        from bedside.base.jsonform import to_json

        np.testing.assert_array_equal(self.linear(voxel_mm=None), self.linear())
        assert b"voxel_mm" not in to_json(AugmentVolumes())
