"""How large a pixel of the model's grid is in each case: what distances and areas in mm are made of."""

from collections.abc import Sequence

from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.native_geometry import native_spacing
from bedside.data.nifti import canonical_grid, is_nifti
from bedside.data.preprocess import Preprocess
from bedside.data.reading import read_picture

Spacing = tuple[float, ...]


def spacings_of(cases: Sequence[Case], task: Task, preprocess: Preprocess) -> tuple[Spacing | None, ...]:
    """One spacing a case, in mm along each axis of the model's grid; None where the file states none.

    Only segmentation asks for it; for other tasks nothing is read and nothing is known.
    """
    if task.kind != "segmentation":
        return ()
    if preprocess.own_spacing_mm is not None:
        return tuple(_of_volume(case, preprocess.own_spacing_mm, preprocess) for case in cases)
    if not preprocess.spec.is_image:
        return (None,) * len(cases)
    return tuple(_of_image(case, preprocess) for case in cases)


def _of_volume(case: Case, target_mm: Spacing, preprocess: Preprocess) -> Spacing:
    """Real size of a resampled voxel: sides are whole numbers, so that it is a little off what was asked for."""
    if preprocess.depth_px is None or case.path is None or not is_nifti(case.path):
        return target_mm
    own, own_mm = canonical_grid(case.path)
    sides = preprocess.placing(own, own_mm).resampled
    return tuple(mm * n / m for mm, n, m in zip(own_mm, own, sides, strict=True))


def _of_image(case: Case, preprocess: Preprocess) -> Spacing | None:
    if case.path is None or case.pixels is not None or preprocess.fit == "foreground":
        return None
    picture = read_picture(case.path, window=preprocess.window, frame=case.frame)
    height, width = picture.pixels.shape[:2]
    return native_spacing(picture.spacing_mm, (height, width), preprocess)
