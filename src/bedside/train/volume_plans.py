"""A plan made for images becomes one for volumes: few at a time, moved in three dimensions, cut while they train."""

from dataclasses import replace
from math import ceil, prod

from bedside.base.task import Task, TensorSpec
from bedside.data.augment_volumes import AugmentVolumes, Shape3
from bedside.data.suiting_volumes import SIDE_MULTIPLE
from bedside.train.plan import TrainPlan

BATCH_SIZE = 4
LEARNING_RATE = 3e-3
N_VIEWS = 10_000
"""Of label maps every epoch sees new views. The reference's maps would have to be kept in coarse cells, and cells of
4x4x4 voxels blur what the labels say exactly: on the phantom a student of a coarse teacher ends at a Dice of 0.55, one
of the labels alone at 0.81."""

N_TAUGHT_VIEWS = 12
"""Views that teacher and student share, at least, where classes are asked for: cohorts of volumes are small."""

SMALL_VOXELS = 40**3
"""Volumes up to this size are trained on whole; of larger ones a segmentation learns from crops, at half the work."""

_CROP_FRAC = 0.78

_CLASS_COST_FRAC = 0.5
"""Time for a voxel in networks that ask for a class, against those that outline: one core takes 0.6 and 1.3 s for a
million voxels and all that learning from them needs."""

LEFT_RIGHT = 2
"""The axis W runs from left to right in canonical order; it is the only one along which anatomy repeats itself."""


def for_volumes(
    plan: TrainPlan,
    spec: TensorSpec,
    task: Task,
    *,
    may_flip: bool,
    voxel_mm: tuple[float, ...] | None = None,
    n_volumes: int = 1,
    max_voxels: int | None = None,
) -> TrainPlan:
    """Return the plan with batches, rate and augmentation for volumes.

    A volume holds as much as many images, so that epochs are halved, and are no more than see `max_voxels`.

    Parameters
    ----------
    voxel_mm
        Size of a voxel along D, H and W, where it is known.
    n_volumes
        Of the development part.
    max_voxels
        Voxels that a fit of outlines sees, in the crops that it learns from; of classes it sees twice as many, at half
        the cost. None sets no limit. There are never fewer than 2 epochs.
    """
    shape = _shape(spec)
    outlines = task.kind == "segmentation"
    crop = _crop(shape) if outlines and prod(shape) > SMALL_VOXELS else None
    n_epochs = plan.n_epochs // 2
    if max_voxels is not None:
        n_epochs = min(n_epochs, _affordable(prod(crop or shape) * n_volumes, max_voxels, outlines))
    n_epochs = max(2, n_epochs)
    return replace(
        plan,
        n_epochs=n_epochs,
        n_views=N_VIEWS if outlines else max(plan.n_views, min(n_epochs, N_TAUGHT_VIEWS)),
        distil_weight=0.0 if outlines else plan.distil_weight,
        patience=max(2, plan.patience // 2),
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        augment_volumes=AugmentVolumes(
            flip_axes=(LEFT_RIGHT,) if may_flip else (), crop=crop, voxel_mm=_unequal(voxel_mm)
        ),
    )


def _affordable(n_voxels: int, max_voxels: int, outlines: bool) -> int:
    """Epochs of `n_voxels` each."""
    return ceil(max_voxels / (n_voxels * (1.0 if outlines else _CLASS_COST_FRAC)))


def _unequal(voxel_mm: tuple[float, ...] | None) -> tuple[float, float, float] | None:
    """Three sizes, where they are not those of a cube."""
    return None if voxel_mm is None or len(set(voxel_mm)) == 1 else (voxel_mm[0], voxel_mm[1], voxel_mm[2])


def _shape(spec: TensorSpec) -> Shape3:
    if spec.depth_px is None:
        raise AssertionError("a plan of volumes for an input without a depth")
    return spec.depth_px, spec.height_px, spec.width_px


def _crop(shape: Shape3) -> Shape3:
    """About half of the voxels, in sides that the networks can halve three times."""
    depth, height, width = (max(1, round(_CROP_FRAC * n / SIDE_MULTIPLE)) * SIDE_MULTIPLE for n in shape)
    return depth, height, width
