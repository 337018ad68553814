"""Pictures of the opened test for the report: one maker a kind of task."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray, IntArray
from bedside.base.seam import Seam
from bedside.bundle.report_data import GalleryItem
from bedside.data.clip_sampling import spread_frames
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import Session
from bedside.verify.judge import Truth
from bedside.verify.occlusion import occlusion_map
from bedside.verify.operating_point import OperatingPoint

N_GALLERY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryJob:
    """What a maker is given: the opened test, the shipped file's outputs on it, and the file itself.

    Parameters
    ----------
    images
        ``(n, *spec.shape)`` uint8.
    outputs
        ``(n, K, ...)``.
    """

    images: ByteArray = field(repr=False)
    truth: Truth
    outputs: FloatArray = field(repr=False)
    point: OperatingPoint
    session: Session
    preprocess: Preprocess


GALLERIES: Seam[Callable[[GalleryJob], tuple[GalleryItem, ...]]] = Seam(
    "bedside.galleries",
    {
        "classification": "bedside.bundle.gallery:class_gallery",
        "detection": "bedside.bundle.box_gallery:box_gallery",
        "multilabel": "bedside.bundle.finding_gallery:finding_gallery",
        "ordinal": "bedside.bundle.gallery:class_gallery",
        "segmentation": "bedside.bundle.outline_gallery:outline_gallery",
    },
)
"""By kind of task."""


def gallery_of(job: GalleryJob) -> tuple[GalleryItem, ...]:
    """Pick and picture test cases."""
    return GALLERIES.get(job.truth.task.kind)(job)


def class_gallery(job: GalleryJob) -> tuple[GalleryItem, ...]:
    """The most confident hits and misses of the test.

    Images stand beside heat maps of the shipped file, clips beside some of their frames, volumes beside some planes.
    """
    classes, labels, point = job.truth.task.classes, job.truth.targets, job.point
    probabilities = point.probabilities(job.outputs)
    called = point.calls(probabilities)
    certainty = probabilities[np.arange(len(called)), called]
    order = np.argsort(-certainty, kind="stable")
    right = called[order] == labels[order]
    items = []
    for kind, rows in (("miss", order[~right][:N_GALLERY]), ("hit", _spread(order[right], labels))):
        for row in rows:
            shown = point.positive if point.threshold_prob is not None else called[row]
            image, heat, sheet = _pictured(job, row, int(called[row]))
            items.append(
                GalleryItem(
                    image=image,
                    heat=heat,
                    overlay=sheet,
                    truth=classes[int(labels[row])],
                    called=classes[int(called[row])],
                    probability=float(probabilities[row, shown]),
                    kind=kind,  # type: ignore[arg-type]
                )
            )
    return tuple(items)


def _pictured(job: GalleryJob, row: int, called: int) -> tuple[ByteArray, FloatArray | None, ByteArray | None]:
    """One case as a picture ``(C, H, W)``, with its heat map or with four of its frames or planes, ``(2H, 2W, 3)``."""
    case, spec = job.images[row], job.preprocess.spec
    if spec.is_image:
        return case, occlusion_map(job.session, job.preprocess.normalize(case), job.point, called), None
    frames = case if spec.depth_px is None else case[0][:, None]  # (n, C, H, W)
    first, second, third, fourth = np.moveaxis(frames[spread_frames(len(frames), 4)], 1, -1)
    sheet = np.concatenate([np.concatenate([first, second], 1), np.concatenate([third, fourth], 1)])
    return frames[len(frames) // 2], None, np.ascontiguousarray(np.broadcast_to(sheet, (*sheet.shape[:2], 3)))


def _spread(rows: IntArray, labels: IntArray) -> list[int]:
    """The first few rows, classes in turn."""
    by_class = [[int(r) for r in rows if labels[r] == k] for k in np.unique(labels)]
    turns = [members[i] for i in range(N_GALLERY) for members in by_class if i < len(members)]
    return turns[:N_GALLERY]
