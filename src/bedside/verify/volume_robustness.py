"""Spoilt volumes through the shipped file and its own fp32 file: Dice that is lost, and how much by compression."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
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
from bedside.verify.spoiling import spoilt_pairs, worst_of
from bedside.verify.standing import Model

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
        return worst_of(self.results)


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
    bench = _Bench(truth, preprocess, seed)
    found = spoilt_pairs(
        bench, volumes, suite, shipped=Model(*shipped), reference=Model(*fp32), severities=severities,
        spoil=partial(corrupt_volumes, slice_axis=slice_axis_of(preprocess.own_spacing_mm)), seed=seed, tick=tick,
    )  # fmt: skip
    return VolumeRobustness(
        suite=suite,
        severities=tuple(severities),
        clean_shipped=found.clean_shipped,
        clean_fp32=found.clean_reference,
        results=tuple(
            SpoiltVolumes(
                corruption=pair.corruption, severity=pair.severity, shipped_dice=pair.shipped,
                fp32_dice=pair.reference, shipped_loss=pair.shipped_loss, excess_loss=pair.excess_loss,
            )
            for pair in found.pairs
        ),
        of_corruption=found.of_corruption,
        mean_shipped_loss=found.mean_shipped_loss,
        mean_excess_loss=found.mean_excess_loss,
        n_cases=len(volumes),
        n_patients=bench.n_units,
        seed=seed,
    )  # fmt: skip


class _Bench:
    """What every measurement shares."""

    def __init__(self, truth: Truth, preprocess: Preprocess, seed: int) -> None:
        self.truth, self.preprocess = truth, preprocess
        self.n_units = len(set(truth.units))
        self.weights = unit_weights(truth.units, len(truth.targets), n_resamples=N_RESAMPLES, seed=seed)

    def measure(self, model: Model, images: ByteArray) -> tuple[Estimate, FloatArray]:
        """Mean Dice, and the Dice of each volume, mean over its classes, ``(n,)``; one at a time, for memory."""
        n_classes, values = self.truth.task.n_classes, []
        for volume, labels in zip(images, self.truth.targets, strict=True):
            called = called_maps(logits(model.session, self.preprocess.normalize(volume[None])), model.point)
            values.append(case_mean(dice_of(class_tables(labels[None], called, n_classes))))
        dice = np.concatenate(values)
        return mean_over_cases(dice, self.weights, self.n_units), dice

    def minus(self, first: FloatArray, second: FloatArray) -> FloatArray:
        return first - second

    def mean(self, losses: Sequence[FloatArray]) -> FloatArray:
        return np.mean(losses, axis=0)

    def estimate(self, loss: FloatArray) -> Estimate:
        return mean_over_cases(loss, self.weights, self.n_units, is_share=False)
