"""The voxel size that is chosen, against nnU-Net's own rule; distances in its real millimetres."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.base.errors import InputError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.preprocess import Preprocess
from bedside.data.spacings import spacings_of
from bedside.data.usual_spacing import check_order, grown_spacing, is_thick, spacing_named, usual_spacing

spacing = st.tuples(*[st.floats(0.3, 6)] * 3)


def nnunet_target(spacings: np.ndarray) -> np.ndarray:
    """The published rule as nnU-Net v2 writes it (`determine_fullres_target_spacing`), without its rule on sizes."""
    target = np.percentile(spacings, 50, 0)
    worst = np.argmax(target)
    others = [target[axis] for axis in range(3) if axis != worst]
    if target[worst] > 3 * max(others):
        thin = np.percentile(spacings[:, worst], 10)
        target[worst] = max(max(others), thin)
    return target


@settings(deadline=None)
@given(st.lists(spacing, min_size=1, max_size=9), st.floats(4, 8))
def test_thick_slices_are_treated_as_nnunet_does(drawn: list[tuple[float, ...]], thickness: float) -> None:
    spacings = np.array(drawn)
    spacings[:, 1] = spacings[:, 2]  # in one plane
    np.testing.assert_allclose(usual_spacing(spacings[:1]), nnunet_target(spacings[:1]))
    spacings[:, 0] = spacings[:, 1] * thickness
    np.testing.assert_allclose(usual_spacing(spacings), nnunet_target(spacings))


def test_planes_keep_their_resolution_and_the_thinner_slices_count() -> None:
    spacings = np.array([[5, 1, 1], [5, 0.8, 0.8], [6, 1, 1], [3, 1.2, 1.2], [7, 1, 1]], float)
    found = usual_spacing(spacings)
    np.testing.assert_allclose(found[1:], 1.0)
    assert found[0] == pytest.approx(np.percentile(spacings[:, 0], 10)) == pytest.approx(3.8)
    np.testing.assert_allclose(usual_spacing(np.array([[2.0, 1, 1]] * 3)), [2, 1, 1])


def test_voxels_grow_where_there_is_resolution_to_give() -> None:
    np.testing.assert_allclose(grown_spacing(np.array([5.0, 1, 1])), [5, 1.05, 1.05])
    np.testing.assert_allclose(grown_spacing(np.array([1.5, 1, 1])), [1.575, 1.05, 1.05])
    assert is_thick((5.0, 1.0, 1.0))
    assert not is_thick((3.0, 1.0, 1.0))


def test_an_order_that_is_not_z_y_x_shows() -> None:
    thick = np.array([[5.0, 1, 1], [6, 1, 1]])
    check_order((4.0, 1.0, 1.0), thick)
    check_order((1.0, 1.0, 1.5), thick)  # near enough to cubes to be meant so
    check_order((1.0, 1.0, 5.0), np.ones((2, 3)))
    with pytest.raises(InputError, match="coarsest along x, the files along z"):
        check_order((1.0, 1.0, 5.0), thick)


def test_the_command_line_takes_one_number_or_three() -> None:
    assert spacing_named("0.5") == 0.5
    assert spacing_named("5, 1,1") == (5.0, 1.0, 1.0)
    for wrong in ("", "1,2", "a", "1,2,3,4", "5x1x1"):
        with pytest.raises(InputError) as caught:
            spacing_named(wrong)
        assert "z,y,x" in caught.value.expected


def test_the_real_size_of_a_resampled_voxel_is_known(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    from bedside.verify.surface_distance import surface_fit

    torch, metrics = pytest.importorskip("torch"), pytest.importorskip("monai.metrics")
    path = tmp_path / "v.nii.gz"  # 7 slices of 5 mm: 35 mm are 9 slices of 4 mm, and each is 3.89 mm in truth
    nibabel.save(nibabel.Nifti1Image(np.zeros((20, 20, 7), np.uint8), np.diag([1.0, 1, 5, 1])), path)
    preprocess = Preprocess(n_channels=1, depth_px=16, height_px=24, width_px=24, spacing_mm=(4.0, 1.0, 1.0))
    task = Task(classes=("background", "organ"), kind="segmentation")
    (found,) = spacings_of([Case(case_id="v", label=0, path=path)], task, preprocess)
    assert found is not None
    assert found == pytest.approx((35 / 9, 1, 1))
    truth = np.zeros((16, 24, 24), bool)
    truth[4:9, 6:15, 8:16] = True
    called = np.roll(truth, (1, 2, 0), axis=(0, 1, 2))
    ours = surface_fit(truth, called, found, tolerance=1.0)
    pair = [torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (called, truth)]
    options = {"include_background": True, "spacing": list(found)}
    hd95 = metrics.compute_hausdorff_distance(*pair, percentile=95, **options)
    nsd = metrics.compute_surface_dice(*pair, [1.0], **options)
    assert ours.hd95 == pytest.approx(float(hd95), rel=1e-6)
    assert ours.nsd == pytest.approx(float(nsd), abs=1e-6)
    assert ours.hd95 > surface_fit(truth, called, (1.0, 1.0, 1.0), tolerance=1.0).hd95
