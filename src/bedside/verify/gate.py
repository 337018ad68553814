"""The acceptance gate: an image unlike those that a model was made for is referred, not judged.

For each group of features a Gaussian is fitted on development images (Lee et al., NeurIPS 2018, on appearance rather
than on a network's features), its covariance shrunk after Ledoit & Wolf (J Multivariate Anal 88, 2004). The score is
the largest of the groups' standardized log-distances. The limit is the conformal quantile of images that the Gaussian
has not seen (tuning, and development by cross-fitting), so that about the share of suitable images is referred that was
asked for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import CohortError, InputError
from bedside.base.estimate import Estimate
from bedside.verify.appearance import FLOORS, GROUPS, WORDS, appearance
from bedside.verify.intervals import wilson
from bedside.verify.shrunk_gaussian import GroupModel, fit_group, short

REFER_FRAC = 0.02
"""Share of suitable images that may be referred, unless another is asked for."""

MIN_IMAGES = 20
"""Fewer development or tuning images than this cannot say what is usual."""

N_FOLDS = 5
WHOLE = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceGate:
    """What usual images look like, and how far one may stray.

    Parameters
    ----------
    groups
        One model a group of features, and one of all features together (``whole``).
    limit
        An image whose score is above it is referred.
    asked_refer_frac
        Share of suitable images that may be referred, as it was asked for.
    tuning_refer_frac
        Share of the tuning images that is referred.
    """

    groups: dict[str, GroupModel]
    limit: float
    asked_refer_frac: float
    tuning_refer_frac: Estimate
    n_development: int

    def scores(self, images: ByteArray, raw: Sequence[ByteArray]) -> tuple[FloatArray, list[str]]:
        """Score of each image, ``(n,)``, and the group in which it is strangest.

        The whole is named only where no group alone is beyond the limit: "its colour" tells a person more.

        Parameters
        ----------
        images, raw
            As for `bedside.verify.appearance.appearance`.
        """
        of_group = _group_scores(self.groups, appearance(images, raw))
        names = list(of_group)
        table = np.stack([of_group[name] for name in names])
        single = np.where(np.array([name == WHOLE for name in names])[:, None], -np.inf, table)
        named = np.where(single.max(axis=0) > self.limit, single.argmax(axis=0), table.argmax(axis=0))
        return table.max(axis=0), [names[k] for k in named]

    def reasons(self, images: ByteArray, raw: Sequence[ByteArray]) -> list[str]:
        """Why each image is referred, in words; empty for one that is accepted."""
        scores, groups = self.scores(images, raw)
        return [
            f"image unlike those the model was made for: {WORDS[group]}" if not score <= self.limit else ""
            for score, group in zip(scores, groups, strict=True)
        ]


def _group_scores(groups: dict[str, GroupModel], features: dict[str, FloatArray]) -> dict[str, FloatArray]:
    return {name: model.scores(_of(features, name)) for name, model in groups.items()}


def _of(features: dict[str, FloatArray], name: str) -> FloatArray:
    return np.concatenate([features[g] for g in GROUPS], axis=1) if name == WHOLE else features[name]


def fit_gate(
    development: tuple[ByteArray, Sequence[ByteArray]],
    tuning: tuple[ByteArray, Sequence[ByteArray]],
    *,
    development_units: Sequence[str],
    tuning_units: Sequence[str],
    refer_frac: float = REFER_FRAC,
) -> AcceptanceGate:
    """Fit the gate on development images and set its limit on images left out of the fit; no test image is needed.

    Parameters
    ----------
    development, tuning
        Images ``(n, C, H, W)`` uint8 after `Preprocess.geometry`, and the same as they were read.
    development_units, tuning_units
        Unit of independence of each image: no patient stands on both sides of a fold.
    refer_frac
        Share of suitable images that may be referred. The limit is the cross-conformal quantile (Vovk, Ann Math Artif
        Intell 74, 2015) over tuning images and development images scored by the folds that had not seen them.

    Raises
    ------
    CohortError
        With fewer than 20 development or tuning images.
    """
    if not 0 < refer_frac < 0.5:
        raise InputError(f"a refer share of {refer_frac}", expected="above 0 and below 0.5, such as 0.02")
    if (fewest := min(len(development[0]), len(tuning[0]))) < MIN_IMAGES:
        raise CohortError(
            f"{fewest} images cannot say what is usual", expected=f"at least {MIN_IMAGES}", hint="add cases"
        )
    features = appearance(*development)
    groups = _fit_groups(features)
    on_tuning = _strangest(groups, appearance(*tuning))
    limit = _limit(np.concatenate([on_tuning, _left_out(features, development_units)]), refer_frac)
    n_units = len(set(tuning_units))
    return AcceptanceGate(
        groups=groups,
        limit=limit,
        asked_refer_frac=refer_frac,
        tuning_refer_frac=wilson(int((on_tuning > limit).sum()), len(on_tuning), n_patients=n_units),
        n_development=len(development[0]),
    )


def _fit_groups(features: dict[str, FloatArray]) -> dict[str, GroupModel]:
    return {name: fit_group(_of(features, name), _floors(features, name)) for name in (*GROUPS, WHOLE)}


def _strangest(groups: dict[str, GroupModel], features: dict[str, FloatArray]) -> FloatArray:
    return np.stack(list(_group_scores(groups, features).values())).max(axis=0)


def _left_out(features: dict[str, FloatArray], units: Sequence[str]) -> FloatArray:
    """Scores of development images by Gaussians that were fitted without their fold."""
    _, unit_of = np.unique(np.asarray(units), return_inverse=True)
    fold = unit_of % N_FOLDS
    scores = []
    for k in np.unique(fold):
        kept = {name: rows[fold != k] for name, rows in features.items()}
        if len(kept[GROUPS[0]]) >= MIN_IMAGES // 2:
            scores.append(_strangest(_fit_groups(kept), {name: rows[fold == k] for name, rows in features.items()}))
    return np.concatenate(scores) if scores else np.empty(0)


def _limit(scores: FloatArray, refer_frac: float) -> float:
    """The conformal quantile; with too few images for it, the largest score and a quarter of a spread."""
    rank = math.ceil((len(scores) + 1) * (1 - refer_frac))
    ordered = np.sort(scores)
    return short(float(ordered[rank - 1])) if rank <= len(ordered) else short(float(ordered[-1]) + 0.25)


def _floors(features: dict[str, FloatArray], name: str) -> FloatArray:
    members = GROUPS if name == WHOLE else (name,)
    return np.concatenate([np.full(features[g].shape[1], FLOORS[g]) for g in members])
