"""Is the hot place what the model goes by? Hide it first, or show it first, and watch the probability."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.errors import ShapeError
from bedside.base.estimate import Estimate
from bedside.runtime.session import Session, logits
from bedside.verify.heat import is_blank
from bedside.verify.heat_agreement import mean_over_cases, other_case
from bedside.verify.operating_point import OperatingPoint

N_STEPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness:
    """Deletion and insertion (Petsiuk, Das and Saenko, BMVC 2018, section 4), means over cases.

    Parameters
    ----------
    deletion
        Area under the probability while places are hidden, the hottest first; lower is better.
    insertion
        Area under the probability while places appear out of a blurred image, the hottest first; higher is better.
    deletion_unrelated, insertion_unrelated
        The same by the order of another case's map: a map that is no better says nothing about its own image.
    share_frac, deletion_prob, insertion_prob
        The mean curves, for drawing: share hidden (or shown) and the probability that is left.
    """

    deletion: Estimate
    insertion: Estimate
    deletion_unrelated: Estimate
    insertion_unrelated: Estimate
    share_frac: tuple[float, ...]
    deletion_prob: tuple[float, ...]
    insertion_prob: tuple[float, ...]


def deletion_curve(
    session: Session, image: FloatArray, heat: FloatArray, point: OperatingPoint, class_index: int
) -> FloatArray:
    """Probability of the class while 0, 1/20, ... 1 of the pixels are hidden, hottest first; ``(N_STEPS + 1,)``."""
    fill = np.broadcast_to(image.mean(axis=(1, 2), keepdims=True), image.shape)
    return _curve(session, image, fill, heat, point, class_index)


def insertion_curve(
    session: Session, image: FloatArray, heat: FloatArray, point: OperatingPoint, class_index: int
) -> FloatArray:
    """Probability of the class while 0, 1/20, ... 1 of the pixels appear out of the blurred image, hottest first."""
    return _curve(session, blurred(image), image, heat, point, class_index)


def _curve(
    session: Session, before: FloatArray, after: FloatArray, heat: FloatArray, point: OperatingPoint, class_index: int
) -> FloatArray:
    if heat.shape != before.shape[1:]:
        raise ShapeError(
            f"a map of {heat.shape} for an image of {before.shape}", expected="(H, W) of it", hint="map this image"
        )
    place = np.empty(heat.size, int)
    place[np.argsort(-heat.ravel(), kind="stable")] = np.arange(heat.size)
    place = place.reshape(heat.shape)
    turned = np.round(np.linspace(0, heat.size, N_STEPS + 1)).astype(int)
    steps = np.stack([np.where(place[None] < n, after, before) for n in turned]).astype(np.float32)
    return point.probabilities(logits(session, steps))[:, class_index]


def blurred(image: FloatArray) -> FloatArray:
    """``(C, H, W)`` under a Gaussian whose standard deviation is a tenth of the longer side: no detail is left."""
    sigma = max(image.shape[1:]) / 10
    reach = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (1, 2):
        pad = [(0, 0)] * 3
        pad[axis] = (reach, reach)
        wide = np.pad(image, pad, mode="edge")
        image = np.apply_along_axis(lambda line: np.convolve(line, kernel, mode="valid"), axis, wide)
    return image.astype(np.float32)


def area_under(curve: FloatArray) -> float:
    """Area under a curve over [0, 1] with equal steps, by trapezoids."""
    return float(((curve[1:] + curve[:-1]) / 2).mean())


def faithfulness(
    session: Session,
    images: FloatArray,
    maps: FloatArray,
    classes: IntArray,
    point: OperatingPoint,
    units: Sequence[str],
    *,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Faithfulness:
    """Measure deletion and insertion of maps ``(n, H, W)`` of images ``(n, C, H, W)``; blank maps are left out."""
    blank, n = is_blank(maps), len(images)
    rows: dict[str, list[FloatArray]] = {name: [] for name in ("deletion", "insertion", "other out", "other in")}
    for i, other in enumerate(other_case(units)):
        own = None if blank[i] else maps[i]
        strange = None if other is None or blank[i] or blank[other] else maps[other]
        for heat, names in ((own, ("deletion", "insertion")), (strange, ("other out", "other in"))):
            for name, curve in zip(names, (deletion_curve, insertion_curve), strict=True):
                made = curve(session, images[i], heat, point, int(classes[i])) if heat is not None else None
                rows[name].append(np.full(N_STEPS + 1, math.nan) if made is None else made)
        tick(i + 1, n)
    areas = {name: mean_over_cases([area_under(c) for c in held], units, seed=seed) for name, held in rows.items()}
    return Faithfulness(
        deletion=areas["deletion"],
        insertion=areas["insertion"],
        deletion_unrelated=areas["other out"],
        insertion_unrelated=areas["other in"],
        share_frac=tuple(np.linspace(0, 1, N_STEPS + 1).round(6).tolist()),
        deletion_prob=_mean_curve(rows["deletion"]),
        insertion_prob=_mean_curve(rows["insertion"]),
    )


def _mean_curve(rows: Sequence[FloatArray]) -> tuple[float, ...]:
    held = np.stack(rows)
    held = held[~np.isnan(held).any(axis=1)]
    return tuple(held.mean(axis=0).tolist()) if len(held) else ()
