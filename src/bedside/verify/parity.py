"""Does the exported file compute what the trained model does? Stage by stage, on real images and on edge cases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.errors import ShapeError
from bedside.runtime.session import Session, logits
from bedside.verify.operating_point import OperatingPoint

EXACT_TOLERANCE_PROB = 0.002
"""Largest probability change that a float stage may make."""

INT8_TOLERANCE_PROB = 0.35
"""Largest probability change of any single case that the int8 stage may make; the flips are what counts."""

MAX_FLIPS_FRAC = 0.02
"""Largest share of real images whose call may change; one image may always, since small tuning parts have few."""

EDGE_CASES = ("black", "white", "saturated noise", "one bright pixel")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageParity:
    """One stage against the one before it.

    Parameters
    ----------
    max_change_prob, mean_change_prob
        Over real images, of any class's probability.
    max_change_steps
        Largest logit change in int8 steps: 1/255 of the logit range that the first stage spans on real images.
    flips_frac
        Real images whose call changes at the locked threshold.
    edge_change_prob
        Largest probability change over the edge cases.
    """

    stage: str
    max_change_prob: float
    mean_change_prob: float
    max_change_steps: float
    flips_frac: float
    edge_change_prob: float
    tolerance_prob: float
    broken_by: str = ""

    @property
    def passed(self) -> bool:
        """Whether the stage is within its tolerance."""
        return not self.broken_by


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityReport:
    """The chain from the eager model to the file in its own runtime.

    `end_to_end` compares the last stage with the first. `broken_stage` names the first stage out of tolerance.
    """

    chain: tuple[str, ...]
    stages: tuple[StageParity, ...]
    end_to_end: StageParity
    n_images: int

    @property
    def broken_stage(self) -> str:
        """Name of the stage that broke parity, or an empty string."""
        return next((s.stage for s in (*self.stages, self.end_to_end) if not s.passed), "")

    @property
    def passed(self) -> bool:
        """Whether every stage is within its tolerance."""
        return not self.broken_stage


def edge_images(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return the four edge cases, ``(4, *shape)`` uint8, in the order of `EDGE_CASES`."""
    images = np.zeros((4, *shape), np.uint8)
    images[1] = 255
    images[2] = np.where(np.random.default_rng(seed).random(shape) < 0.5, 0, 255)
    images[3, ..., shape[-2] // 2, shape[-1] // 2] = 255
    return images


Flips = Callable[[IntArray, IntArray], float]


def flips_of_calls(before: IntArray, now: IntArray) -> float:
    """Share of calls that differ."""
    return float(np.mean(before != now))


def check_parity(
    chain: Sequence[tuple[str, Session]],
    images: FloatArray,
    edges: FloatArray,
    point: OperatingPoint,
    *,
    int8_tolerance_prob: float = INT8_TOLERANCE_PROB,
    max_flips_frac: float = MAX_FLIPS_FRAC,
    flips: Flips = flips_of_calls,
) -> ParityReport:
    """Compare each stage with the one before, and the last with the first.

    Parameters
    ----------
    chain
        Names and sessions, from the eager model to the shipped file; a name that ends in ``int8`` gets the int8
        tolerance.
    images, edges
        Preprocessed real images and edge cases, ``(n, C, H, W)`` float32.
    point
        The locked operating point, at which flips are counted.
    flips
        Share of flips from two arrays of calls.
    """
    if len(chain) < 2 or not len(images) or not len(edges):
        raise ShapeError(
            f"{len(chain)} stages, {len(images)} images, {len(edges)} edge cases",
            expected="two stages, one image and one edge case at least",
            hint="silence must not read as agreement: hand in all three",
        )
    outputs = [(name, logits(session, images), logits(session, edges)) for name, session in chain]
    first = outputs[0]
    step = max(float(np.ptp(first[1])) / 255, 1e-9)
    tolerances = [int8_tolerance_prob if name.endswith("int8") else EXACT_TOLERANCE_PROB for name, _ in chain]
    stages = tuple(
        _compare(now[0], before, now, point, step, tolerance, max_flips_frac, flips)
        for before, now, tolerance in zip(outputs, outputs[1:], tolerances[1:], strict=False)
    )
    whole = _compare("end to end", first, outputs[-1], point, step, max(tolerances), max_flips_frac, flips)
    return ParityReport(chain=tuple(name for name, _ in chain), stages=stages, end_to_end=whole, n_images=len(images))


_Output = tuple[str, FloatArray, FloatArray]


def _compare(
    stage: str, before: _Output, now: _Output, point: OperatingPoint, step: float, tolerance: float, max_flips: float,
    flips_frac: Flips,
) -> StageParity:  # fmt: skip
    p, q = point.probabilities(before[1]), point.probabilities(now[1])
    change = np.abs(p - q).max(axis=1)
    edge = float(np.abs(point.probabilities(before[2]) - point.probabilities(now[2])).max())
    flips = flips_frac(point.calls(p), point.calls(q))
    return StageParity(
        stage=stage,
        max_change_prob=float(change.max()),
        mean_change_prob=float(change.mean()),
        max_change_steps=float(np.abs(before[1] - now[1]).max() / step),
        flips_frac=flips,
        edge_change_prob=edge,
        tolerance_prob=tolerance,
        broken_by=_reason(
            (*before[1:], *now[1:]), float(change.max()), edge, flips, tolerance, max(max_flips, 1 / len(p))
        ),
    )


def _reason(
    outputs: tuple[FloatArray, ...], change: float, edge: float, flips: float, tolerance: float, max_flips: float
) -> str:
    if not all(np.isfinite(output).all() for output in outputs):
        return "an output is not a finite number"
    if change > tolerance:
        return f"a probability changes by {change:.3f}, more than {tolerance:g}"
    if edge > tolerance:
        return f"a probability changes by {edge:.3f} on an edge case, more than {tolerance:g}"
    if flips > max_flips:
        return f"{100 * flips:.2f} % of calls flip, more than {100 * max_flips:g} %"
    return ""
