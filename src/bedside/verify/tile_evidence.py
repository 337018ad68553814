"""What it costs and saves to leave background tiles of a volume out, on cases that the rule was not fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.estimate import Estimate
from bedside.verify.calibration import mean_estimate
from bedside.verify.clusters import unit_index

LEAST_SKIPPED_FRAC = 0.05
"""Mean share of tiles below which the rule does not ship: it saves nothing that anyone would notice."""

LARGEST_LOSS_DICE = 0.005
"""Largest mean loss of Dice, and end of its interval, with which it ships."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRun:
    """One volume, run whole and run without its background tiles.

    Parameters
    ----------
    dice, dice_skipping
        Mean over the classes but the background, on the model's voxels.
    lost_voxels
        Voxels of a lesion that only skipped tiles cover.
    """

    n_tiles: int
    n_skipped: int
    dice: float
    dice_skipping: float
    ms: float
    ms_skipping: float
    lost_voxels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TileEvidence:
    """The rule on tuning volumes; `ships` says whether the bundle holds it, `why` what decided.

    Parameters
    ----------
    skipped
        Share of the tiles of a volume, mean over volumes.
    dice_whole, dice_skipping
        Dice with all tiles, and without the skipped ones.
    dice_change
        The second less the first, paired by volume.
    saved_ms
        Time of a volume that is saved, paired; `whole_ms` is what it takes with all its tiles.
    """

    dark_level: int
    n_volumes: int
    skipped: Estimate
    dice_whole: Estimate
    dice_skipping: Estimate
    dice_change: Estimate
    whole_ms: Estimate
    saved_ms: Estimate
    lost_voxels: int
    ships: bool
    why: str


def tile_evidence(dark_level: int, runs: Sequence[VolumeRun], units: Sequence[str]) -> TileEvidence:
    """Judge the rule on volumes; times say nothing about whether it ships, so that equal runs ship alike.

    Parameters
    ----------
    units
        Patient or group of each volume.
    """
    index = unit_index(tuple(units), len(runs))

    def column(name: str) -> FloatArray:
        return np.array([getattr(run, name) for run in runs], np.float64)

    whole, less = column("ms"), column("ms_skipping")
    most = float(max(whole.max(), less.max()))
    skipped = mean_estimate(column("n_skipped") / column("n_tiles"), index)
    change = mean_estimate(column("dice_skipping") - column("dice"), index, low=-1.0, high=1.0)
    lost = int(column("lost_voxels").sum())
    n_tiles = max(run.n_tiles for run in runs)
    why = _why(skipped, change, column("dice_skipping") - column("dice"), lost, n_tiles=n_tiles)
    return TileEvidence(
        dark_level=dark_level, n_volumes=len(runs), skipped=skipped, dice_change=change, lost_voxels=lost,
        dice_whole=mean_estimate(column("dice"), index), dice_skipping=mean_estimate(column("dice_skipping"), index),
        whole_ms=mean_estimate(whole, index, high=2 * most),
        saved_ms=mean_estimate(whole - less, index, low=-most, high=most), ships=not why,
        why=why or "no lesion voxel is lost, and Dice is as before",
    )  # fmt: skip


def _why(skipped: Estimate, change: Estimate, differences: FloatArray, lost: int, *, n_tiles: int) -> str:
    """Reason not to ship the rule, or an empty string."""
    if n_tiles == 1:
        return "the model's input holds every tuning volume whole, as crops without air are: there is no tile to skip"
    if skipped.value < LEAST_SKIPPED_FRAC:
        return f"only {100 * skipped.value:.1f} % of the tiles are background: every tile is run"
    if lost:
        return f"{lost} lesion voxels would lie in skipped tiles alone: every tile is run"
    if differences.any() and min(change.value, change.low) < -LARGEST_LOSS_DICE:
        return f"Dice would change by {change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}]: every tile is run"
    return ""
