"""Spoilt volumes through the shipped file and its own fp32 file: Dice that is lost, and how much by compression."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.data.corrupting_volumes import corrupt_volumes, slice_axis_of
from bedside.data.corruptions import SEVERITIES, Suite
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import Session, logits
from bedside.verify.judge import Truth
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.outline_point import called_maps
from bedside.verify.overlap import class_tables, dice_of
from bedside.verify.resampling import unit_weights
from bedside.verify.segment_figures import case_mean, mean_over_cases

N_RESAMPLES = 500

Tried = tuple[Session, OperatingPoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoiltVolumes:
    """One corruption at one severity.

    Parameters
    ----------
    shipped_dice, fp32_dice
        Mean over cases and classes, on the corrupted volumes.
    shipped_loss
        Dice on clean volumes less Dice on corrupted ones, paired by volume.
    excess_loss
        `shipped_loss` less that of the fp32 file: what compression lost beyond it.
    """

    corruption: str
    severity: int
    shipped_dice: Estimate
    fp32_dice: Estimate
    shipped_loss: Estimate
    excess_loss: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRobustness:
    """Corruptions of volumes (after Hendrycks & Dietterich, ICLR 2019) on the shipped file and its own fp32 file.

    Parameters
    ----------
    of_corruption
        Excess loss of each corruption, mean over its severities.
    mean_shipped_loss, mean_excess_loss
        Mean over all corruptions and severities.
    """

    suite: Suite
    severities: tuple[int, ...]
    clean_shipped: Estimate
    clean_fp32: Estimate
    results: tuple[SpoiltVolumes, ...]
    of_corruption: dict[str, Estimate]
    mean_shipped_loss: Estimate
    mean_excess_loss: Estimate
    n_cases: int
    n_patients: int
    seed: int

    @property
    def worst(self) -> SpoiltVolumes:
        """Where the shipped file loses most."""
        return max(self.results, key=lambda r: -math.inf if math.isnan(r.shipped_loss.value) else r.shipped_loss.value)


def volume_robustness(
    truth: Truth,
    volumes: ByteArray,
    preprocess: Preprocess,
    suite: Suite,
    *,
    shipped: Tried,
    fp32: Tried,
    severities: Sequence[int] = SEVERITIES,
    seed: int = 0,
    tick: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> VolumeRobustness:
    """Outline volumes spoilt by every corruption of the suite at every severity; the label maps stay as they are.

    Parameters
    ----------
    truth
        Label maps of the volumes on the model's grid, and units of independence.
    volumes
        Test volumes after `Preprocess.geometry`, ``(n, C, D, H, W)`` uint8.
    shipped, fp32
        Session and locked operating point of the shipped file, and of its own fp32 file.

    Raises
    ------
    InputError
        Without a corruption or a severity, or with a severity outside 1 to 5.
    """
    if not suite.names or not severities or not set(severities) <= set(SEVERITIES):
        raise InputError(
            f"{len(suite.names)} corruptions at the severities {list(severities)}",
            expected="one at least of each, severities from 1 to 5", hint="name them",
        )  # fmt: skip
    bench = _Bench(truth, preprocess, seed)
    clean = [bench.dice(model, volumes) for model in (shipped, fp32)]
    results: list[SpoiltVolumes] = []
    losses: dict[str, list[tuple[FloatArray, FloatArray]]] = {}
    slice_axis = slice_axis_of(preprocess.own_spacing_mm)
    for name in suite.names:
        for severity in severities:
            spoilt = corrupt_volumes(volumes, name, severity, seed=seed, slice_axis=slice_axis)
            dice = [bench.dice(model, spoilt) for model in (shipped, fp32)]
            loss, other = (before - after for before, after in zip(clean, dice, strict=True))
            losses.setdefault(name, []).append((loss, loss - other))
            results.append(
                SpoiltVolumes(
                    corruption=name, severity=severity, shipped_dice=bench.mean(dice[0]), fp32_dice=bench.mean(dice[1]),
                    shipped_loss=bench.difference(loss), excess_loss=bench.difference(loss - other),
                )
            )  # fmt: skip
            tick(len(results), len(suite.names) * len(severities), f"{name}, severity {severity}")
    every = [pair for of_name in losses.values() for pair in of_name]
    return VolumeRobustness(
        suite=suite,
        severities=tuple(severities),
        clean_shipped=bench.mean(clean[0]),
        clean_fp32=bench.mean(clean[1]),
        results=tuple(results),
        of_corruption={name: bench.difference(_mean([own for _, own in of])) for name, of in losses.items()},
        mean_shipped_loss=bench.difference(_mean([loss for loss, _ in every])),
        mean_excess_loss=bench.difference(_mean([excess for _, excess in every])),
        n_cases=len(volumes),
        n_patients=bench.n_units,
        seed=seed,
    )


class _Bench:
    """What every measurement shares."""

    def __init__(self, truth: Truth, preprocess: Preprocess, seed: int) -> None:
        self.truth, self.preprocess = truth, preprocess
        self.n_units = len(set(truth.units))
        self.weights = unit_weights(truth.units, len(truth.targets), n_resamples=N_RESAMPLES, seed=seed)

    def dice(self, model: Tried, volumes: ByteArray) -> FloatArray:
        """Dice of each volume, mean over its classes, ``(n,)``; one at a time, for memory."""
        session, point = model
        n_classes = self.truth.task.n_classes
        values = []
        for volume, labels in zip(volumes, self.truth.targets, strict=True):
            called = called_maps(logits(session, self.preprocess.normalize(volume[None])), point)
            values.append(case_mean(dice_of(class_tables(labels[None], called, n_classes))))
        return np.concatenate(values)

    def mean(self, values: FloatArray) -> Estimate:
        return mean_over_cases(values, self.weights, self.n_units)

    def difference(self, values: FloatArray) -> Estimate:
        return mean_over_cases(values, self.weights, self.n_units, is_share=False)


def _mean(columns: Sequence[FloatArray]) -> FloatArray:
    return np.mean(columns, axis=0)
