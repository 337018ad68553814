"""How much work a run does: quick, standard, thorough."""

import math
from dataclasses import dataclass

from bedside.base.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Amounts of work; epochs follow from the size of the cohort.

    Parameters
    ----------
    reference_images, student_images
        Images seen while the reference and each student are fitted.
    max_epochs
        Upper limits for the reference and for a student, for small cohorts.
    n_views
        Augmented views whose teacher answers are cached.
    image_px
        Side of the input, where the images are larger.
    volume_voxels
        Voxels seen while the reference, and each student, is fitted to outlines in volumes; see
        `bedside.train.volume_plans.for_volumes`.
    """

    name: str
    reference_images: int
    student_images: int
    max_epochs: tuple[int, int]
    n_views: int
    n_candidates: int
    image_px: int
    volume_voxels: int = 80_000_000

    def reference_epochs(self, n_images: int, *, pretrained: bool) -> int:
        """Epochs of the reference; start weights need fewer."""
        return _epochs(self.reference_images * (0.4 if pretrained else 1.0), n_images, self.max_epochs[0])

    def student_epochs(self, n_images: int) -> int:
        """Epochs of each student."""
        return _epochs(self.student_images, n_images, self.max_epochs[1])


def _epochs(images: float, n_images: int, limit: int) -> int:
    return max(2, min(limit, math.ceil(images / n_images)))


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(name="quick", reference_images=18_000, student_images=70_000, max_epochs=(30, 60), n_views=4,
               n_candidates=2, image_px=96),
        Preset(name="standard", reference_images=60_000, student_images=140_000, max_epochs=(60, 150), n_views=10,
               n_candidates=4, image_px=160, volume_voxels=400_000_000),
        Preset(name="thorough", reference_images=140_000, student_images=400_000, max_epochs=(100, 300), n_views=20,
               n_candidates=8, image_px=224, volume_voxels=1_600_000_000),
    )
}  # fmt: skip


def preset_named(name: str) -> Preset:
    """Return the preset called `name`.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in PRESETS:
        raise InputError(f"no preset called {name!r}", expected="one of " + ", ".join(PRESETS), hint="see --preset")
    return PRESETS[name]
