"""Pictures of outlines: the worst cases of the opened test, the best ones and the one in the middle."""

import math

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.bundle.gallery import GalleryJob
from bedside.bundle.report_data import GalleryItem
from bedside.data.native_geometry import outline
from bedside.verify.outline_point import called_maps
from bedside.verify.overlap import class_tables, dice_of
from bedside.verify.segment_figures import case_mean

TRUTH_COLOR, CALLED_COLOR = (0, 114, 178), (230, 159, 0)
"""Blue and orange of Okabe and Ito, as the caption says."""

_N_WORST, _N_BEST = 4, 3


def outline_gallery(job: GalleryJob) -> tuple[GalleryItem, ...]:
    """Draw the reference standard's outline in blue and the model's in orange; of a volume, its fullest slice.

    Where there are several modalities, the first of the model's channels is shown.
    """
    task = job.truth.task
    called = called_maps(job.outputs, job.point)
    dice = case_mean(dice_of(class_tables(job.truth.targets, called, task.n_classes)))
    order = np.argsort(dice, kind="stable")
    worst = order[:_N_WORST]
    rest = [row for row in (*order[::-1][:_N_BEST], order[len(order) // 2]) if row not in worst]
    return tuple(
        _item(job, called[row], int(row), float(dice[row]), kind)
        for kind, rows in (("miss", worst), ("hit", rest))
        for row in rows
    )


def _item(job: GalleryJob, called: ByteArray, row: int, dice: float, kind: str) -> GalleryItem:
    truth, classes = job.truth.targets[row], job.truth.task.classes
    image, true_plane, called_plane = _plane(job.images[row], truth, called)
    return GalleryItem(
        image=image,
        heat=None,
        truth=_names(truth, classes),
        called=_names(called, classes),
        probability=math.nan,
        kind=kind,  # type: ignore[arg-type]
        overlay=drawn(image, true_plane, called_plane),
        note=f"Dice {dice:.2f}",
    )


def drawn(image: ByteArray, truth: ByteArray, called: ByteArray) -> ByteArray:
    """Return ``(C, H, W)`` as ``(H, W, 3)`` with the borders of both label maps ``(H, W)``; the model's lies on top."""
    picture = np.array(np.moveaxis(np.broadcast_to(image, (3, *image.shape[1:])), 0, -1))
    for labels, color in ((truth, TRUTH_COLOR), (called, CALLED_COLOR)):
        picture[outline(labels) == 1] = color
    return picture


def _plane(image: ByteArray, truth: ByteArray, called: ByteArray) -> tuple[ByteArray, ByteArray, ByteArray]:
    if truth.ndim == 2:
        return image, truth, called
    filled: FloatArray = ((truth > 0) | (called > 0)).sum(axis=(1, 2)).astype(float)
    at = int(filled.argmax()) if filled.any() else len(truth) // 2
    return image[:1, at], truth[at], called[at]


def _names(labels: ByteArray, classes: tuple[str, ...]) -> str:
    found = [classes[k] for k in np.unique(labels) if k]
    return ", ".join(found) or "nothing"
