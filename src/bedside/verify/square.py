"""Square attack: random search over squares; it needs outputs only, so the shipped int8 file itself is attacked.

Source: Andriushchenko, Croce, Flammarion & Hein, "Square Attack", ECCV 2020, the L-infinity version.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray, IntArray
from bedside.base.errors import InputError
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import Session
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.outputs import outputs_of

START_FRAC = 0.8
"""Share of the image that the first squares cover, as in AutoAttack (Croce & Hein, ICML 2020)."""

_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries, table 1 of the paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """Images after an attack.

    Parameters
    ----------
    images
        ``(n, C, H, W)`` uint8: whole grey levels, so that each could be stored as a file and sent.
    fooled_at
        ``(n,)``: queries after which the call was wrong; 0 where it was wrong before, -1 where it stayed right.
    """

    images: ByteArray
    fooled_at: IntArray


def margins(point: OperatingPoint, labels: IntArray, outputs: FloatArray) -> FloatArray:
    """How far each call is from being wrong, ``(n,)`` in logits; zero or less is a wrong call.

    With two classes the distance is that of the log-odds to the locked threshold, with more that of the true class's
    logit to the largest other one.
    """
    if point.threshold_prob is None:
        rows = np.arange(len(labels))
        others = outputs.copy()
        others[rows, labels] = -np.inf
        return outputs[rows, labels] - others.max(axis=1)
    threshold = min(max(point.threshold_prob, 1e-12), 1 - 1e-12)
    odds = (outputs[:, point.positive] - outputs[:, 1 - point.positive]) / point.temperature
    over = odds - math.log(threshold / (1 - threshold))
    return np.where(labels == point.positive, over, -over)


def square_attack(
    session: Session,
    images: ByteArray,
    labels: IntArray,
    preprocess: Preprocess,
    point: OperatingPoint,
    *,
    eps_levels: int,
    n_queries: int = 300,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Attacked:
    """Look for a wrong call within `eps_levels` grey levels (of 255) of every pixel.

    Parameters
    ----------
    images
        ``(n, C, H, W)`` uint8 after `Preprocess.geometry`.
    n_queries
        Runs of the model that each image may cost.
    """
    if eps_levels < 1 or n_queries < 1:
        raise InputError(
            f"{eps_levels} grey levels and {n_queries} queries", expected="1 or more of each", hint="see --eps"
        )
    clean = images.astype(np.int16)
    margin = _margins_of(session, images, labels, preprocess, point)
    fooled_at = np.where(margin <= 0, 0, -1)
    best = images.copy()
    for query in range(1, n_queries + 1):
        rows = np.flatnonzero(fooled_at < 0)
        if not len(rows):
            break
        tried = np.stack([_propose(clean[i], best[i], eps_levels, query, n_queries, (seed, int(i))) for i in rows])
        found = _margins_of(session, tried, labels[rows], preprocess, point)
        better = found < margin[rows] if query > 1 else np.ones(len(rows), bool)
        best[rows[better]], margin[rows[better]] = tried[better], found[better]
        fooled_at[rows[found <= 0]] = query
        tick(query, n_queries)
    return Attacked(images=best, fooled_at=fooled_at)


def _propose(
    clean: np.ndarray, best: ByteArray, eps: int, query: int, n_queries: int, seed: tuple[int, int]
) -> ByteArray:
    """The next image to try: stripes first, then one square of plus or minus eps a channel."""
    rng = np.random.default_rng((*seed, query))
    n_channels, height, width = clean.shape
    if query == 1:
        stripes = eps * rng.choice((-1, 1), (n_channels, 1, width))
        return np.clip(clean + stripes, 0, 255).astype(np.uint8)
    side = _side_px(query, n_queries, height, width)
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    window = (slice(None), slice(top, top + side), slice(left, left + side))
    tried = best.copy()
    for _ in range(10):  # a square that changes nothing would waste the query
        step = eps * rng.choice((-1, 1), (n_channels, 1, 1))
        tried[window] = np.clip(clean[window] + step, 0, 255)
        if (tried[window] != best[window]).any():
            break
    return tried


def _side_px(query: int, n_queries: int, height: int, width: int) -> int:
    """Side of the square: its share of the image is halved along the paper's schedule, stretched to `n_queries`."""
    place = query / n_queries * 10_000
    share = START_FRAC / 2 ** sum(place > step for step in _HALVINGS)
    return min(max(1, round(math.sqrt(share * height * width))), height, width)


def _margins_of(
    session: Session, images: ByteArray, labels: IntArray, preprocess: Preprocess, point: OperatingPoint
) -> FloatArray:
    return margins(point, labels, outputs_of(session, images, preprocess))
