"""Evidence of a segmentation: figures of shipped model and reference on the opened test, and the verdict on Dice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.verify.judge import Answer, Truth
from bedside.verify.measured import MeasuredEvidence, MeasuredScore, Metric
from bedside.verify.noninferiority import NonInferiority, judge_difference
from bedside.verify.outline_point import called_maps
from bedside.verify.overlap import EMPTY_MASKS
from bedside.verify.resampling import Weights, unit_weights
from bedside.verify.segment_figures import CaseFigures, case_mean, false_alarms, figures_of, mean_over_cases

N_RESAMPLES = 1000
PRIMARY = "dice"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draws:
    weights: Weights
    n_units: int

    def mean(self, values: FloatArray, *, is_share: bool = True) -> Estimate:
        return mean_over_cases(values, self.weights, self.n_units, is_share=is_share)


def measured(
    truth: Truth, *, shipped: Answer, reference: Answer, own_fp32: FloatArray, margin: float, reason: str, seed: int
) -> MeasuredEvidence:
    """Compare both with the reference standard, on the grid of the model's input.

    Parameters
    ----------
    own_fp32
        Outputs ``(n, K, ...)`` of the shipped model's own fp32 file; called at the shipped operating point.
    """
    task, n = truth.task, len(truth.targets)
    draws = _Draws(
        weights=unit_weights(truth.units, n, n_resamples=N_RESAMPLES, seed=seed), n_units=len(set(truth.units))
    )
    called = called_maps(shipped.outputs, shipped.point)
    own, other = (
        figures_of(truth.targets, maps, task.n_classes, truth.spacing_mm)
        for maps in (called, called_maps(reference.outputs, reference.point))
    )
    flips = _flips(called, called_maps(own_fp32, shipped.point))
    return MeasuredEvidence(
        primary=PRIMARY,
        metrics=metrics_for(task, own),
        shipped=score_of(task, own, draws),
        reference=score_of(task, other, draws),
        non_inferiority=_judged(own, other, draws, margin),
        flips_frac=draws.mean(flips),
        flips_of="places" if truth.targets.ndim == 4 else "pixels",
        n_cases=n,
        n_patients=draws.n_units,
        reason=reason,
        seed=seed,
        plain=plain_words(task, own),
        conventions=conventions_of(own),
        per_case=per_case_of(task, own),
    )


def metrics_for(task: Task, figures: CaseFigures) -> dict[str, Metric]:
    """Titles of the figures, Dice first; each class has its own Dice where there are several."""
    near = f"{figures.tolerance:g} {figures.unit}"
    size = "volume" if figures.size_unit in ("mm³", "voxels") else "area"
    titles = {
        "dice": Metric(title="Dice, mean over cases" + (" and classes" if task.n_classes > 2 else "")),
        "iou": Metric(title="Intersection over union"),
        "hd95": Metric(title="Hausdorff distance, 95th percentile", lower_is_better=True, unit=figures.unit),
        "nsd": Metric(title=f"Normalized surface distance within {near}"),
        "size_error": Metric(title=f"Relative error of {size}, absolute", lower_is_better=True),
        "dice_present": Metric(title="Dice of cases that have it"),
    }
    if not figures.present.any(axis=1).all():
        titles["false_alarm"] = Metric(title="Cases without it in which some is outlined", lower_is_better=True)
    if task.n_classes > 2:
        titles |= {f"dice_{name}": Metric(title=f"Dice, {name}") for name in task.classes[1:]}
    return titles


def score_of(task: Task, figures: CaseFigures, draws: _Draws) -> MeasuredScore:
    """Every figure with its interval by patient."""
    shown = {
        "dice": draws.mean(case_mean(figures.dice)),
        "iou": draws.mean(case_mean(figures.iou)),
        "hd95": draws.mean(case_mean(figures.hd95), is_share=False),
        "nsd": draws.mean(case_mean(figures.nsd)),
        "size_error": draws.mean(case_mean(np.abs(figures.size_error)), is_share=False),
        "dice_present": draws.mean(case_mean(np.where(figures.present, figures.dice, np.nan))),
    }
    if not figures.present.any(axis=1).all():
        shown["false_alarm"] = draws.mean(false_alarms(figures))
    if task.n_classes > 2:
        shown |= {f"dice_{name}": draws.mean(figures.dice[:, k]) for k, name in enumerate(task.classes[1:])}
    return MeasuredScore(values=shown)


def per_case_of(task: Task, figures: CaseFigures) -> dict[str, tuple[float, ...]]:
    """Figures of every case for the report's pictures: Dice, HD95, and the true and called size of the first class."""
    columns: dict[str, FloatArray] = {
        "dice": case_mean(figures.dice),
        "hd95": case_mean(figures.hd95),
        "nsd": case_mean(figures.nsd),
    }
    for k, name in enumerate(task.classes[1:]):
        columns[f"true size, {name}, {figures.size_unit}"] = figures.true_size[:, k]
        columns[f"called size, {name}, {figures.size_unit}"] = figures.called_size[:, k]
    return {name: tuple(map(float, values)) for name, values in columns.items()}


def plain_words(task: Task, figures: CaseFigures) -> tuple[str, ...]:
    """Sentences for the first screen."""
    looked_for = " and ".join(task.classes[1:])
    dice = case_mean(np.where(figures.present, figures.dice, np.nan))
    known = dice[~np.isnan(dice)]
    words: list[str] = []
    if len(known):
        good = int((known >= 0.8).sum())
        words.append(
            f"Of {len(known):,} cases with {looked_for}, its outline overlaps the reference by a Dice of 0.8 or more "
            f"in {good:,}; half of all reach {np.median(known):.2f}."
        )
        if missed := int((known == 0).sum()):
            words.append(f"In {missed:,} of them it outlines nothing of what is there.")
    alarms = false_alarms(figures)
    if (n := int((~np.isnan(alarms)).sum())) > 0:
        words.append(f"Of {n:,} cases without {looked_for}, it outlines some in {int(np.nansum(alarms)):,}.")
    return tuple(words)


def conventions_of(figures: CaseFigures) -> tuple[str, ...]:
    """What was decided where a definition leaves it open."""
    grid = "Figures are those of the grid of the model's input"
    known = "with the spacing of each image" if figures.unit == "mm" else "in pixels, since no spacing is known"
    return (
        *(f"{sentence[0].upper()}{sentence[1:]}." for sentence in EMPTY_MASKS),
        f"{grid}, {known}; outlines {figures.tolerance:g} {figures.unit} apart count as one in the surface score.",
    )


def _judged(own: CaseFigures, other: CaseFigures, draws: _Draws, margin: float) -> NonInferiority:
    apart = case_mean(own.dice) - case_mean(other.dice)
    drawn = (draws.weights @ apart) / draws.weights.sum(axis=1)
    return judge_difference(float(apart.mean()), drawn, margin=margin, n_patients=draws.n_units, metric="Dice")


def _flips(called: ByteArray, before: Sequence[ByteArray] | ByteArray) -> FloatArray:
    """Share of each case's places whose call differs, ``(n,)``."""
    return np.array([np.mean(a != b) for a, b in zip(called, before, strict=True)])
