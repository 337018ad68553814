"""Outlines and their distances, against MONAI and SciPy, in two and three dimensions."""

from pathlib import Path

import numpy as np
import pytest

from bedside.base.errors import ShapeError
from bedside.data.reading import read_image
from bedside.data.volume_reading import read_volume
from bedside.verify.surface_distance import surface_distances, surface_fit, surface_of

SPACINGS = {2: ((1.0, 1.0), (0.5, 1.75)), 3: ((1.0, 1.0, 1.0), (2.5, 0.7, 0.9))}


def blobs(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Make two masks of the same smooth field at two heights."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=(2, *shape)), (0, *[2] * len(shape)))
    return np.stack([field[0] > 0.05, field[0] + 0.5 * field[1] > 0.06])


def monai_fit(truth: np.ndarray, called: np.ndarray, spacing: tuple[float, ...], tolerance: float):
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    pair = [torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (called, truth)]
    far = metrics.compute_hausdorff_distance(*pair, include_background=True, percentile=95, spacing=list(spacing))
    near = metrics.compute_surface_dice(*pair, [tolerance], include_background=True, spacing=list(spacing))
    return float(far), float(near)


@pytest.mark.parametrize("n_axes", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_as_monai_has_it_on_random_masks(n_axes: int, seed: int) -> None:
    truth, called = blobs(seed, (21, 17, 24)[:n_axes])
    for spacing in SPACINGS[n_axes]:
        ours = surface_fit(truth, called, spacing, tolerance=1.0)
        hd95, nsd = monai_fit(truth, called, spacing, 1.0)
        assert ours.hd95 == pytest.approx(hd95, rel=1e-6)
        assert ours.nsd == pytest.approx(nsd, abs=1e-6)


def test_as_monai_has_it_on_real_masks(shared_data: Path) -> None:
    masks = [read_image(path) >= 128 for path in sorted((shared_data / "us_breast_busi" / "masks").glob("*"))[:40:5]]
    for mask in masks:
        called = np.roll(mask, (3, -5), axis=(0, 1))
        called[: mask.shape[0] // 3] &= mask[: mask.shape[0] // 3]
        ours = surface_fit(mask, called, (0.2, 0.3), tolerance=1.0)
        assert (ours.hd95, ours.nsd) == pytest.approx(monai_fit(mask, called, (0.2, 0.3), 1.0), rel=1e-6)


def test_as_monai_has_it_on_a_real_volume(shared_data: Path) -> None:
    pytest.importorskip("nibabel")
    path = sorted((shared_data / "mri_hippocampus_msd").rglob("label*/*.nii.gz"))
    if not path:
        pytest.skip("no hippocampus volumes")
    volume = read_volume(path[0])
    truth = volume.values == 1
    called = np.roll(truth, (1, 0, 2), axis=(0, 1, 2))
    spacing = (3.0, 1.0, 0.5)
    ours = surface_fit(truth, called, spacing, tolerance=1.0)
    assert (ours.hd95, ours.nsd) == pytest.approx(monai_fit(truth, called, spacing, 1.0), rel=1e-6)


@pytest.mark.parametrize("n_axes", [2, 3])
def test_every_distance_is_that_of_a_distance_transform(n_axes: int) -> None:
    from scipy.ndimage import distance_transform_edt

    truth, called = blobs(7, (15, 19, 12)[:n_axes])
    for spacing in SPACINGS[n_axes]:
        to_truth, _ = surface_distances(truth, called, spacing)
        whole = distance_transform_edt(~surface_of(truth), sampling=spacing)
        np.testing.assert_allclose(to_truth, whole[surface_of(called)], rtol=1e-12)


def test_a_square_in_numbers_that_can_be_counted() -> None:
    truth, called = np.zeros((2, 20, 20), bool)
    truth[5:10, 5:10] = called[5:10, 7:12] = True
    fit = surface_fit(truth, called, (1.0, 0.5), tolerance=0.5)
    assert surface_of(truth).sum() == 16
    assert fit.hd95 == 1.0  # two columns of half a unit
    assert fit.nsd == 16 / 32  # four of each long side, no corner beyond


def test_a_mask_at_the_border_has_a_surface_there() -> None:
    np.testing.assert_array_equal(surface_of(np.ones((3, 4), bool))[1], [True, False, False, True])


def test_empty_masks() -> None:
    empty, full = np.zeros((30, 40), bool), np.ones((30, 40), bool)
    both, one = surface_fit(empty, empty, (1, 1), 1.0), surface_fit(full, empty, (1, 1), 1.0)
    assert (both.hd95, both.nsd) == (0.0, 1.0)
    assert (one.hd95, one.nsd) == (50.0, 0.0)
    assert surface_fit(empty, full, (1, 1), 1.0) == one


@pytest.mark.parametrize(
    ("shape", "spacing"), [((4, 5), (1.0, 1.0)), ((4, 4), (1.0,)), ((4, 4), (1.0, 0.0)), ((4, 4), (1.0, np.nan))]
)
def test_what_does_not_belong_together_is_refused(refuses, shape, spacing) -> None:
    with refuses(ShapeError):
        surface_fit(np.ones((4, 4), bool), np.ones(shape, bool), spacing, 1.0)
