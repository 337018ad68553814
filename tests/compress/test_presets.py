"""Amounts of work."""

import pytest

from bedside.base.errors import InputError
from bedside.compress.presets import PRESETS, preset_named


@pytest.mark.parametrize("name", ["quick", "standard", "thorough"])
@pytest.mark.parametrize("n_images", [1, 30, 500, 5000, 1_000_000])
def test_epochs_follow_the_size_of_the_cohort_within_limits(name: str, n_images: int) -> None:
    preset = preset_named(name)
    for n_epochs, limit in (
        (preset.reference_epochs(n_images, pretrained=False), preset.max_epochs[0]),
        (preset.reference_epochs(n_images, pretrained=True), preset.max_epochs[0]),
        (preset.student_epochs(n_images), preset.max_epochs[1]),
    ):
        assert 2 <= n_epochs <= limit
    assert preset.reference_epochs(n_images, pretrained=True) <= preset.reference_epochs(n_images, pretrained=False)
    assert preset.student_epochs(n_images) >= preset.student_epochs(2 * n_images)


def test_each_preset_is_more_work_than_the_one_before() -> None:
    quick, standard, thorough = (PRESETS[name] for name in ("quick", "standard", "thorough"))
    for less, more in ((quick, standard), (standard, thorough)):
        assert less.student_images < more.student_images
        assert less.n_candidates < more.n_candidates
        assert less.image_px < more.image_px
        assert less.volume_voxels < more.volume_voxels


def test_another_preset_is_refused(refuses) -> None:
    with refuses(InputError, "'fast'", "quick, standard, thorough"):
        preset_named("fast")
