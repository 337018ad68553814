"""Pictures of findings that may be there together: the most certain wrong calls, and right ones."""

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.bundle.gallery import N_GALLERY, GalleryJob
from bedside.bundle.report_data import GalleryItem
from bedside.verify.marks import UNKNOWN
from bedside.verify.occlusion import occlusion_map


def finding_gallery(job: GalleryJob) -> tuple[GalleryItem, ...]:
    """Calls farthest on their side of the threshold: wrong ones first, then findings rightly called; images only.

    Each picture is about one finding, with the heat map of its probability; a case is shown once in each group.
    """
    if not job.preprocess.spec.is_image:
        return ()
    marks = job.truth.targets
    probabilities = job.point.probabilities(job.outputs)
    calls = job.point.calls(probabilities)
    known = marks != UNKNOWN
    margin = _margin(probabilities, calls, np.array(job.point.thresholds_prob))
    wrong, right = known & (calls != marks), known & (calls == marks) & (marks == 1)
    misses = [_item(job, row, k, probabilities, calls, "miss") for row, k in _farthest(margin, wrong)]
    hits = [_item(job, row, k, probabilities, calls, "hit") for row, k in _farthest(margin, right)]
    return (*misses, *hits)


def _margin(probabilities: FloatArray, calls: IntArray, thresholds_prob: FloatArray) -> FloatArray:
    """How far a call is from being the other one, as a share of what lies on its side, ``(n, K)``."""
    above = (probabilities - thresholds_prob) / np.maximum(1 - thresholds_prob, 1e-9)
    below = (thresholds_prob - probabilities) / np.maximum(thresholds_prob, 1e-9)
    return np.where(calls == 1, above, below)


def _farthest(margin: FloatArray, chosen: BoolArray) -> list[tuple[int, int]]:
    """(case, finding) of the largest margins: findings in turn, each case once."""
    found: list[tuple[int, int]] = []
    orders = [np.flatnonzero(chosen[:, k])[np.argsort(-margin[chosen[:, k], k])] for k in range(margin.shape[1])]
    for turn in range(max((len(order) for order in orders), default=0)):
        for k, order in enumerate(orders):
            if turn < len(order) and int(order[turn]) not in {row for row, _ in found}:
                found.append((int(order[turn]), k))
            if len(found) == N_GALLERY:
                return found
    return found


def _item(job: GalleryJob, row: int, k: int, probabilities: FloatArray, calls: IntArray, kind: str) -> GalleryItem:
    names = job.truth.task.classes
    what = f"{names[k]} {'called' if calls[row, k] else 'not called'}"
    threshold = job.point.thresholds_prob[k]
    return GalleryItem(
        image=job.images[row],
        heat=occlusion_map(job.session, job.preprocess.normalize(job.images[row]), job.point, k),
        truth=_listed(names, job.truth.targets[row]),
        called=_listed(names, calls[row]),
        probability=float(probabilities[row, k]),
        kind=kind,  # type: ignore[arg-type]
        note=f"{what}: {probabilities[row, k]:.3f}, threshold {threshold:.3f}",
    )


def _listed(names: tuple[str, ...], marks: IntArray) -> str:
    there = [name for name, mark in zip(names, marks, strict=True) if mark == 1]
    unknown = [f"{name}?" for name, mark in zip(names, marks, strict=True) if mark == UNKNOWN]
    return ", ".join(there + unknown) or "none"
