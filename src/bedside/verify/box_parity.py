"""Does an exported detector find what the trained one finds? Stage by stage, on real images and on edge cases."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import ShapeError
from bedside.runtime.box_maps import BOX_CHANNELS
from bedside.runtime.session import Session, logits
from bedside.verify.detecting import Detections, detect, iou
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.parity import EXACT_TOLERANCE_PROB, INT8_TOLERANCE_PROB, ParityReport, StageParity

SAME_BOX_IOU = 0.5
"""A box of one stage and a box of the next that overlap so much, of one class, are the same detection."""

MAX_FLIPS_FRAC = {"float": 0.005, "int8": 0.05}
"""Largest share of detections that may come or go; one always may, since small tuning parts have few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Detections of two models on the same images, at one operating point.

    Parameters
    ----------
    n_same, n_all
        ``(N,)``: detections of either that the other has too (a pair counts once), and of both together.
    score_changes
        ``(p,)``: difference in probability of each pair.
    """

    n_same: FloatArray = field(repr=False)
    n_all: FloatArray = field(repr=False)
    score_changes: FloatArray = field(repr=False)

    @property
    def flips_frac(self) -> float:
        """Share of detections that only one of the two has; 0 where neither has any."""
        return 1 - float(self.n_same.sum() / self.n_all.sum()) if self.n_all.sum() else 0.0


def called(maps: FloatArray, point: OperatingPoint) -> list[Detections]:
    """Detections of each image at the locked thresholds."""
    thresholds = np.array(point.thresholds_prob)
    found = detect(maps, temperature=point.temperature, least_prob=max(1e-6, float(thresholds.min())))
    return [one.above(thresholds) for one in found]


def agreement(one: Sequence[Detections], other: Sequence[Detections]) -> Agreement:
    """Pair the detections of two models, image by image: the best first, each once, by class and overlap."""
    pairs = [_pairs(first, second) for first, second in zip(one, other, strict=True)]
    n_same = np.array([len(found) for found in pairs], np.float64)
    n_both = np.array([len(first) + len(second) for first, second in zip(one, other, strict=True)])
    return Agreement(n_same=n_same, n_all=n_both - n_same, score_changes=np.concatenate([*pairs, np.zeros(0)]))


def _pairs(one: Detections, other: Detections) -> FloatArray:
    """Changes of probability of the detections that both have."""
    overlap = iou(one.boxes, other.boxes)
    overlap[one.labels[:, None] != other.labels[None]] = 0
    free, changes = np.ones(len(other), bool), []
    for i, overlaps in enumerate(overlap):
        open_ = np.where(free, overlaps, 0)
        if len(open_) and open_[j := int(open_.argmax())] >= SAME_BOX_IOU:
            free[j] = False
            changes.append(abs(one.scores[i] - other.scores[j]))
    return np.array(changes)


def check_box_parity(
    chain: Sequence[tuple[str, Session]], images: FloatArray, edges: FloatArray, point: OperatingPoint
) -> ParityReport:
    """Compare each stage with the one before, and the last with the first.

    ``max_change_prob`` is the largest change of a detection that both stages have; ``flips_frac`` the share of
    detections that come or go; on edge cases the highest heat of each class is compared; every value must be finite.

    Raises
    ------
    ShapeError
        Without two stages, an image and an edge case.
    """
    if len(chain) < 2 or not len(images) or not len(edges):
        raise ShapeError(
            f"{len(chain)} stages, {len(images)} images, {len(edges)} edge cases",
            expected="two stages, one image and one edge case at least",
            hint="silence must not read as agreement: hand in all three",
        )
    stages = [_Stage.of(name, session, images, edges, point) for name, session in chain]
    step = max(float(np.ptp(stages[0].maps)) / 255, 1e-9)
    compared = tuple(_compare(now.name, before, now, step) for before, now in pairwise(stages))
    whole = _compare("end to end", stages[0], stages[-1], step, exact=not any(stage.is_int8 for stage in stages))
    return ParityReport(chain=tuple(name for name, _ in chain), stages=compared, end_to_end=whole, n_images=len(images))


@dataclass(frozen=True, slots=True)
class _Stage:
    """One stage's answers: maps, detections, and the highest heat of each class on each edge case."""

    name: str
    maps: FloatArray
    found: list[Detections]
    edge_heat: FloatArray
    is_finite: bool

    @property
    def is_int8(self) -> bool:
        return self.name.endswith("int8")

    @classmethod
    def of(cls, name: str, session: Session, images: FloatArray, edges: FloatArray, point: OperatingPoint) -> "_Stage":
        maps, edge_maps = logits(session, images), logits(session, edges)
        heat = point.probabilities(edge_maps[:, :-BOX_CHANNELS]).max(axis=(2, 3))
        finite = bool(np.isfinite(maps).all() and np.isfinite(edge_maps).all())
        return cls(name, maps, called(maps, point), heat, finite)


def _compare(stage: str, before: _Stage, now: _Stage, step: float, *, exact: bool | None = None) -> StageParity:
    is_exact = not now.is_int8 if exact is None else exact
    tolerance = EXACT_TOLERANCE_PROB if is_exact else INT8_TOLERANCE_PROB
    both = agreement(before.found, now.found)
    change = float(both.score_changes.max(initial=0.0))
    edge = float(np.abs(before.edge_heat - now.edge_heat).max())
    return StageParity(
        stage=stage,
        max_change_prob=change,
        mean_change_prob=float(both.score_changes.mean()) if len(both.score_changes) else 0.0,
        max_change_steps=float(np.abs(before.maps - now.maps).max() / step),
        flips_frac=both.flips_frac,
        edge_change_prob=edge,
        tolerance_prob=tolerance,
        broken_by=_reason(before.is_finite and now.is_finite, both, change, edge, tolerance, is_exact=is_exact),
    )


def _reason(finite: bool, both: Agreement, change: float, edge: float, tolerance: float, *, is_exact: bool) -> str:
    most = max(MAX_FLIPS_FRAC["float" if is_exact else "int8"], 1 / max(1.0, float(both.n_all.sum())))
    if not finite:
        return "an output is not a finite number"
    if change > tolerance:
        return f"the probability of a detection changes by {change:.3f}, more than {tolerance:g}"
    if edge > tolerance:
        return f"the highest heat of an edge case changes by {edge:.3f}, more than {tolerance:g}"
    if both.flips_frac > most:
        return f"{100 * both.flips_frac:.2f} % of detections come or go, more than {100 * most:g} %"
    return ""
