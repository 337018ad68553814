"""Can the label be read from places where the finding is not? Probes on the border, the corners and the surroundings.

A probe is a ridge-penalized logistic regression on the pixels of one region, cross-validated by patient. Where it
predicts, so may a network, and then high accuracy can rest on the hospital's marker, collimator or scanner (Zech et
al., PLoS Med 15(11), 2018; DeGrave et al., Nat Mach Intell 3, 2021).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, ByteArray, FloatArray, IntArray
from bedside.base.errors import CohortError
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.verify.drawn_auroc import draw_weights, drawn_aurocs
from bedside.verify.intervals import resamples
from bedside.verify.noninferiority import auroc_of

LIMIT_AUROC = 0.6
"""A probe whose whole interval lies above it is flagged."""

N_FOLDS = 5
N_DRAWS = 500
_SIDE_PX = 32
_RIDGE = 30.0
_N_STEPS = 12

WORDS = {
    "border": "a rim of 6 % of each side: collimator, cropping, padding",
    "corners": "a square of 18 % of the side in each corner: where markers and text are laid",
    "surroundings": "everything outside the central 70 % of each side: table, cables, background",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortcutProbe:
    """What one region tells of the label.

    Parameters
    ----------
    auroc
        Of predictions for left-out patients; the macro average with more than two classes.
    flagged
        Whether the whole interval lies above `LIMIT_AUROC`.
    """

    region: str
    where: str
    area_frac: float
    auroc: Estimate
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortcutReport:
    """Every probe; one that is flagged belongs in red on the first page."""

    probes: tuple[ShortcutProbe, ...]
    limit_auroc: float
    n_images: int
    n_patients: int
    n_folds: int
    seed: int

    @property
    def flagged(self) -> tuple[ShortcutProbe, ...]:
        """Probes that predict the label."""
        return tuple(probe for probe in self.probes if probe.flagged)


def regions(height_px: int, width_px: int) -> dict[str, BoolArray]:
    """Which pixels each probe sees, ``(H, W)``."""
    down, across = _depth_frac(height_px)[:, None], _depth_frac(width_px)
    nearest = np.minimum(down, across)
    return {"border": nearest < 0.06, "corners": np.maximum(down, across) < 0.18, "surroundings": nearest < 0.15}


def _depth_frac(n: int) -> FloatArray:
    """Distance of each pixel to the nearer end, as a fraction of the side; 0 for the outermost."""
    place = np.arange(n)
    return np.minimum(place, place[::-1]) / n


def probe_shortcuts(
    task: Task,
    images: ByteArray,
    labels: IntArray,
    units: Sequence[str],
    *,
    limit_auroc: float = LIMIT_AUROC,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> ShortcutReport:
    """Probe every region on development images; tuning and test are not touched.

    Parameters
    ----------
    images
        ``(n, C, H, W)`` uint8 after `Preprocess.geometry`; channels are averaged, and large images shrunk to 32 px.
    units
        Unit of independence of each image; a patient is never on both sides of a fold.

    Raises
    ------
    CohortError
        With fewer units than folds.
    """
    _, unit_of = np.unique(np.asarray(units), return_inverse=True)
    n_units = int(unit_of.max()) + 1
    if n_units < 2 * N_FOLDS:
        raise CohortError(f"{n_units} patients", expected=f"at least {2 * N_FOLDS}", hint="add cases")
    fold = np.random.default_rng(seed).permutation(n_units)[unit_of] % N_FOLDS
    small = _shrunk(images)
    weights = draw_weights(resamples(units, n_resamples=N_DRAWS, seed=seed), len(labels))
    probes = []
    masks = regions(*small.shape[1:])
    for name, mask in masks.items():
        scores = _left_out_scores(small[:, mask], labels, fold, task)
        area = _estimate(task, labels, scores, weights, n_units)
        probes.append(
            ShortcutProbe(
                region=name, where=WORDS[name], area_frac=float(mask.mean()), auroc=area, flagged=area.low > limit_auroc
            )
        )  # fmt: skip
        tick(len(probes), len(masks))
    return ShortcutReport(
        probes=tuple(probes), limit_auroc=limit_auroc, n_images=len(labels), n_patients=n_units, n_folds=N_FOLDS,
        seed=seed,
    )  # fmt: skip


def _shrunk(images: ByteArray) -> FloatArray:
    """Grey images of at most 32 px a side, by block means; ``(n, h, w)`` in [0, 1]."""
    grey = images.mean(axis=1, dtype=np.float32) / np.float32(255)
    for axis in (1, 2):
        n = grey.shape[axis]
        if n > _SIDE_PX:
            starts = np.arange(_SIDE_PX) * n // _SIDE_PX
            shape = [1, 1, 1]
            shape[axis] = _SIDE_PX
            grey = np.add.reduceat(grey, starts, axis=axis) / np.diff(np.append(starts, n)).reshape(shape)
    return grey


def _left_out_scores(features: FloatArray, labels: IntArray, fold: IntArray, task: Task) -> FloatArray:
    """Probabilities ``(n, K)`` for each image, from the folds that it is not in."""
    scores = np.zeros((len(labels), task.n_classes))
    classes = [task.positive] if task.is_binary else list(range(task.n_classes))
    for k in range(N_FOLDS):
        inside, out = fold != k, fold == k
        mean, std = features[inside].mean(axis=0), features[inside].std(axis=0) + 0.02
        known, new = ((features[rows] - mean) / std for rows in (inside, out))
        for c in classes:
            scores[out, c] = _logistic(known, labels[inside] == c, new)
    if task.is_binary:
        scores[:, 1 - task.positive] = 1 - scores[:, task.positive]
    return scores


def _logistic(known: FloatArray, positive: BoolArray, new: FloatArray) -> FloatArray:
    """Ridge-penalized logistic regression by Newton's method; probabilities of the new rows."""
    design = np.column_stack([np.ones(len(known)), known]).astype(np.float64)
    penalty = np.full(design.shape[1], _RIDGE)
    penalty[0] = 1e-6
    weights = np.zeros(design.shape[1])
    for _ in range(_N_STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (positive - p) - penalty * weights
        curvature = (design * np.maximum(p * (1 - p), 1e-6)[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return 1 / (1 + np.exp(-np.clip(np.column_stack([np.ones(len(new)), new]) @ weights, -30, 30)))


def _estimate(task: Task, labels: IntArray, scores: FloatArray, weights: FloatArray, n_units: int) -> Estimate:
    value = auroc_of(task, labels, scores)
    drawn = drawn_aurocs(task, labels, scores, weights)
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Estimate(
        value=value, low=float(min(low, value)), high=float(max(high, value)), n_patients=n_units,
        method=f"{N_FOLDS}-fold cross-validation by patient, bootstrap by patient, {len(drawn)} draws",
    )  # fmt: skip
