"""Parity of maps: does a file draw the outlines that the trained model draws?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import ShapeError
from bedside.runtime.session import Session, logits
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.outline_point import called_maps
from bedside.verify.overlap import class_tables, dice_of
from bedside.verify.parity import EXACT_TOLERANCE_PROB, MAX_FLIPS_FRAC, ParityReport, StageParity

INT8_MEAN_TOLERANCE_PROB = 0.05
"""Largest mean change over the pixels of any one image that the int8 stage may make: at an outline a single pixel may
go from one side to the other."""

LEAST_OVERLAP = 0.9
"""Smallest mean Dice between the masks of two stages."""


@dataclass(frozen=True, slots=True)
class _Stage:
    name: str
    outputs: FloatArray = field(repr=False)
    called: ByteArray = field(repr=False)
    edges: FloatArray = field(repr=False)


def check_map_parity(
    chain: Sequence[tuple[str, Session]], images: FloatArray, edges: FloatArray, point: OperatingPoint
) -> ParityReport:
    """Compare each stage with the one before, and the last with the first.

    A float stage may change no probability by more than `EXACT_TOLERANCE_PROB`. An int8 stage may flip the call of
    `MAX_FLIPS_FRAC` of all pixels, its masks overlap the masks before by `LEAST_OVERLAP` (mean Dice over the images),
    and no image's probabilities change by more than `INT8_MEAN_TOLERANCE_PROB` on average. All outputs are finite, on
    edge cases too. The changes that are reported are the largest mean over the pixels of one image.

    Parameters
    ----------
    images, edges
        Preprocessed, ``(n, C, H, W)`` float32 (or volumes).
    """
    if len(chain) < 2 or not len(images) or not len(edges):
        raise ShapeError(
            f"{len(chain)} stages, {len(images)} images, {len(edges)} edge cases",
            expected="two stages, one image and one edge case at least",
            hint="silence must not read as agreement: hand in all three",
        )
    stages = [_run(name, session, images, edges, point) for name, session in chain]
    step = max(float(np.ptp(stages[0].outputs)) / 255, 1e-9)
    compared = tuple(_compare(now.name, before, now, point, step) for before, now in pairwise(stages))
    whole = _compare("end to end", stages[0], stages[-1], point, step)
    return ParityReport(chain=tuple(s.name for s in stages), stages=compared, end_to_end=whole, n_images=len(images))


def _run(name: str, session: Session, images: FloatArray, edges: FloatArray, point: OperatingPoint) -> _Stage:
    outputs = logits(session, images)
    return _Stage(name, outputs, called_maps(outputs, point), logits(session, edges))


def _compare(name: str, before: _Stage, now: _Stage, point: OperatingPoint, step: float) -> StageParity:
    rounded = now.name.endswith("int8") != before.name.endswith("int8")
    changes = [_change(a, b, point) for a, b in zip(before.outputs, now.outputs, strict=True)]
    means, peaks = (np.array(values) for values in zip(*changes, strict=True))
    edge = max(_change(a, b, point)[0] for a, b in zip(before.edges, now.edges, strict=True))
    flips = float(np.mean(before.called != now.called))
    tables = class_tables(before.called, now.called, before.outputs.shape[1])
    tolerance = INT8_MEAN_TOLERANCE_PROB if rounded else EXACT_TOLERANCE_PROB
    finite = all(np.isfinite(x).all() for x in (before.outputs, now.outputs, before.edges, now.edges))
    overlap = float(dice_of(tables).mean())
    return StageParity(
        stage=name,
        max_change_prob=float(means.max()),
        mean_change_prob=float(means.mean()),
        max_change_steps=float(np.abs(before.outputs - now.outputs).max() / step),
        flips_frac=flips,
        edge_change_prob=edge,
        tolerance_prob=tolerance,
        broken_by=_reason(finite, float(means.max() if rounded else peaks.max()), tolerance, flips, overlap),
    )


def _change(before: FloatArray, now: FloatArray, point: OperatingPoint) -> tuple[float, float]:
    """Mean and largest change of any class's probability over the pixels of one case."""
    change = np.abs(point.probabilities(before[None]) - point.probabilities(now[None])).max(axis=1)
    return float(change.mean()), float(change.max())


def _reason(finite: bool, change: float, tolerance: float, flips: float, overlap: float) -> str:
    if not finite:
        return "an output is not a finite number"
    if change > tolerance:
        return f"probabilities change by {change:.3f}, more than {tolerance:g}"
    if flips > MAX_FLIPS_FRAC:
        return f"the call of {100 * flips:.2f} % of all pixels flips, more than {100 * MAX_FLIPS_FRAC:g} %"
    if overlap < LEAST_OVERLAP:
        return f"masks overlap by a Dice of {overlap:.3f}, less than {LEAST_OVERLAP:g}"
    return ""
