"""Label maps of volumes on the grid of the model's input."""

from collections.abc import Sequence

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.label_maps import check_numbers
from bedside.data.preprocess import Preprocess
from bedside.data.volume_reading import read_volume


def label_map_targets(cases: Sequence[Case], task: Task, preprocess: Preprocess) -> ByteArray:
    """Label numbers of volumes, ``(n, D, H, W)`` uint8 in the model's grid: nearest voxel, 0 outside the volume.

    Raises
    ------
    ImageError
        If a label map cannot be read, or holds a number that is no class.
    CohortError
        If a case has none.
    """
    spec = preprocess.spec
    stacked = np.zeros((len(cases), *spec.shape[1:]), np.uint8)
    for row, case in zip(stacked, cases, strict=True):
        labels, spacing_mm = own_label_map(case, task)
        row[:] = preprocess.placing(labels.shape, spacing_mm).labels(labels)
    return stacked


def own_label_map(case: Case, task: Task) -> tuple[ByteArray, tuple[float, ...] | None]:
    """Label numbers on the volume's own grid in canonical order, ``(D, H, W)``, and its spacing; None from memory.

    Raises
    ------
    ImageError, CohortError
        As `label_map_targets`.
    """
    if case.mask_pixels is not None:
        return case.mask_pixels, None
    if case.mask_path is None:
        raise CohortError(f"the volume {case.case_id} has no label map", expected="one", hint="check its source")
    found = read_volume(case.mask_path)
    return check_numbers(found.values, case.mask_path, range(task.n_classes)), found.spacing_mm
