"""Phantom volumes with label maps, for machines that have no data and no network."""

from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.phantom_volume import CLASSES, VolumePhantom

N_VOLUMES = 60


def volume_cohort(n: int) -> Cohort:
    """Make `n` volumes, each of another patient."""
    made = [VolumePhantom().volume(i) for i in range(n)]
    return Cohort(
        name="volume-phantom",
        task=Task(classes=CLASSES, positive=1, kind="segmentation"),
        cases=tuple(
            Case(
                case_id=f"phantom/{i:05d}",
                label=0,
                patient_id=f"phantom-{i}",
                pixels=voxels,
                mask_pixels=labels,
                marks=(1,) * len(CLASSES),
            )
            for i, (voxels, labels) in enumerate(made)
        ),
        source="phantom:volume",
        licence="CC0",
        modality="MR (simulated)",
        is_phantom=True,
    )
