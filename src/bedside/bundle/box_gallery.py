"""Test images with the boxes of truth and prediction, for the report."""

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.bundle.gallery import N_GALLERY, GalleryJob
from bedside.bundle.report_data import GalleryItem
from bedside.verify.box_matching import match
from bedside.verify.box_parity import called
from bedside.verify.detecting import Detections

_TRUTH, _FOUND = (0, 114, 178), (230, 159, 0)
"""Blue is what was marked, orange what the model found (Okabe and Ito's colours), as in every gallery."""

_LEAST_SIDE_PX = 224
_MOST_NAMES = 3


def box_gallery(job: GalleryJob) -> tuple[GalleryItem, ...]:
    """The images with the lowest F1 at the locked thresholds, then those with the highest; more objects first."""
    found = called(job.outputs, job.point)
    matches = match(found, job.truth.targets, job.truth.task.n_classes)
    n_hit = np.bincount(matches.images[matches.at(0.5)], minlength=len(found))
    n_called = np.array([len(one) for one in found])
    n_objects = matches.n_objects.sum(axis=1)
    both = n_called + n_objects
    f1 = np.divide(2 * n_hit, both, out=np.ones(len(both)), where=both > 0)
    worst, best = (np.lexsort((-n_objects, sign * f1)) for sign in (1, -1))
    worst = [int(row) for row in worst[:N_GALLERY] if f1[row] < 1]
    best = [int(row) for row in best if int(row) not in worst][:N_GALLERY]
    names = job.truth.task.classes
    return tuple(
        GalleryItem(
            image=job.images[row],
            heat=None,
            truth=_counted(matches.n_objects[row], names),
            called=_counted(np.bincount(found[row].labels, minlength=len(names)), names),
            probability=float("nan"),
            kind="miss" if row in worst else "hit",
            overlay=drawn_on(job.images[row], job.truth.targets[row], found[row]),
            note=f"{n_hit[row]} found, {n_objects[row] - n_hit[row]} missed, {n_called[row] - n_hit[row]} false",
        )
        for row in (*worst, *best)
    )


def _counted(counts: np.ndarray, names: tuple[str, ...]) -> str:
    """Such as ``12 RBC, 1 WBC``."""
    here = [(int(n), name) for n, name in zip(counts, names, strict=True) if n]
    here.sort(key=lambda pair: -pair[0])
    shown = [f"{n} {name}" for n, name in here[:_MOST_NAMES]]
    rest = sum(n for n, _ in here[_MOST_NAMES:])
    return ", ".join([*shown, *([f"{rest} others"] if rest else [])]) or "nothing"


def drawn_on(image: ByteArray, targets: FloatArray, found: Detections) -> ByteArray:
    """Draw marked objects (blue) and detections (orange) on an image: ``(C, H, W)`` to ``(H, W, 3)`` uint8.

    Small images are enlarged by a whole factor first, so that a line is thinner than what it encloses.
    """
    from PIL import Image, ImageDraw

    pixels = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    factor = max(1, -(-_LEAST_SIDE_PX // min(pixels.shape[:2])))
    canvas = Image.fromarray(np.ascontiguousarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1)))
    pen = ImageDraw.Draw(canvas)
    for row in targets[targets[:, 0] >= 0]:
        pen.rectangle([float(x) * factor for x in row[1:]], outline=_TRUTH, width=2)
    for box in found.boxes:
        pen.rectangle([float(x) * factor for x in box], outline=_FOUND, width=1)
    return np.asarray(canvas)
