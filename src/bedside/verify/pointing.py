"""Does the map point at the lesion? The pointing game, and the share of the heat that lies within the mask."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.errors import ShapeError
from bedside.base.estimate import Estimate
from bedside.verify.heat import is_blank
from bedside.verify.heat_agreement import mean_over_cases
from bedside.verify.intervals import wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaze:
    """Where one model looks, against the lesions that somebody drew.

    Parameters
    ----------
    hit
        Share of lesion cases whose hottest place lies in the mask (the pointing game; Zhang et al., IJCV 126, 2018). A
        blank map is a miss.
    energy
        Share of the heat that lies in the mask (Wang et al., Score-CAM, CVPR workshops 2020), mean over lesion cases.
    n_blank
        Cases in which hiding any place changes nothing, with or without a lesion.
    """

    model: str
    hit: Estimate
    energy: Estimate
    n_blank: int


def peak_of(heat: FloatArray) -> tuple[int, int]:
    """Row and column of the hottest pixel of ``(H, W)``; of several, the one nearest to their centre."""
    places = np.argwhere(heat >= heat.max())
    distance = ((places - places.mean(axis=0)) ** 2).sum(axis=1)
    row, column = places[int(distance.argmin())]
    return int(row), int(column)


def hits_of(maps: FloatArray, masks: BoolArray) -> BoolArray:
    """Whether each map ``(n, H, W)`` points into its mask ``(n, H, W)``; ``(n,)``, False for a blank map."""
    _check(maps, masks)
    pointed = np.array([mask[peak_of(heat)] for heat, mask in zip(maps, masks, strict=True)], bool)
    return pointed & ~is_blank(maps)


def energy_of(maps: FloatArray, masks: BoolArray) -> FloatArray:
    """Share of each map's heat that lies in its mask, ``(n,)``; NaN for a blank map."""
    _check(maps, masks)
    total = maps.sum(axis=(1, 2))
    inside = np.where(masks, maps, 0).sum(axis=(1, 2))
    return np.where(is_blank(maps) | (total <= 0), math.nan, inside / np.maximum(total, 1e-12))


def lesion_cases(masks: BoolArray, units: Sequence[str]) -> tuple[list[int], list[str]]:
    """Rows of the cases whose mask is not empty, and their patients."""
    rows = np.flatnonzero(masks.any(axis=(1, 2))).tolist()
    return rows, [units[row] for row in rows]


def look(model: str, maps: FloatArray, masks: BoolArray, units: Sequence[str], *, seed: int = 0) -> Gaze:
    """Score one model's maps ``(n, H, W)``; cases with an empty mask count for `n_blank` only."""
    _check(maps, masks)
    lesion, owners = lesion_cases(masks, units)
    hits = hits_of(maps[lesion], masks[lesion]) if lesion else np.zeros(0, bool)
    energy = energy_of(maps[lesion], masks[lesion]) if lesion else np.zeros(0)
    return Gaze(
        model=model,
        hit=wilson(int(hits.sum()), len(hits), n_patients=len(set(owners)) or None),
        energy=mean_over_cases(energy.tolist(), owners, seed=seed),
        n_blank=int(is_blank(maps).sum()),
    )


def blind_hit(masks: BoolArray, units: Sequence[str]) -> Estimate:
    """Hit rate of a pointer that always says "the middle": lesions tend to be centred, and so do careless maps."""
    lesion, owners = lesion_cases(masks, units)
    middle = masks[lesion, masks.shape[1] // 2, masks.shape[2] // 2]
    return wilson(int(middle.sum()), len(lesion), n_patients=len(set(owners)) or None)


def even_energy(masks: BoolArray, units: Sequence[str], *, seed: int = 0) -> Estimate:
    """Energy of a map that is equally warm everywhere: the mean share of the image that is lesion."""
    share = masks.mean(axis=(1, 2))
    return mean_over_cases(np.where(share > 0, share, math.nan).tolist(), units, seed=seed)


def _check(maps: FloatArray, masks: BoolArray) -> None:
    if maps.shape != masks.shape or maps.ndim != 3 or not len(maps):
        raise ShapeError(
            f"maps of {maps.shape} and masks of {masks.shape}",
            expected="two equal (n, H, W), n > 0",
            hint="place the masks with bedside.data.masks.stack_masks",
        )
