"""Does the acceptance gate see what it should? AUROC for each kind of outlier, made here or brought along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.data.corruptions.fields import gaussian_blur
from bedside.data.preprocess import Preprocess
from bedside.verify.averages import separated
from bedside.verify.drawn_auroc import draw_weights, drawn_aurocs
from bedside.verify.gate import AcceptanceGate
from bedside.verify.intervals import resamples, wilson
from bedside.verify.metrics import auroc

N_DRAWS = 500
_ODD = Task(classes=("usual", "odd"), positive=1)
_BLUR_FRAC = 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierKind:
    """How well one kind of outlier is told from suitable images.

    Parameters
    ----------
    auroc
        Of the gate's score; the interval resamples patients, and an outlier made from a patient's image goes with it.
    referred_frac
        Share of the outliers that the gate refers at its limit.
    """

    auroc: Estimate
    referred_frac: Estimate
    n_images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEvidence:
    """The gate on images that had no part in it.

    Parameters
    ----------
    refer_frac
        Share of suitable images that is referred for nothing.
    """

    refer_frac: Estimate
    kinds: dict[str, OutlierKind]
    n_images: int


def made_outliers(pictures: Sequence[ByteArray], *, seed: int = 0) -> dict[str, list[ByteArray]]:
    """Outliers from suitable pictures, ``(H, W)`` or ``(H, W, 3)``: one of each kind a picture, in their order."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, len(pictures))
    constant = [np.full_like(image, level) for image, level in zip(pictures, levels, strict=True)]
    return {
        "upside down": [np.ascontiguousarray(image[::-1, ::-1]) for image in pictures],
        "quarter turn": [np.ascontiguousarray(np.rot90(image)) for image in pictures],
        "negative": [255 - image for image in pictures],
        "heavy blur": [_blurred(image) for image in pictures],
        "constant": constant,
        "nearly constant": [
            np.clip(image.astype(np.int16) + rng.integers(-2, 3, image.shape), 0, 255).astype(np.uint8)
            for image in constant
        ],
        "noise": [rng.integers(0, 256, image.shape).astype(np.uint8) for image in pictures],
    }


def _blurred(picture: ByteArray) -> ByteArray:
    planes = np.atleast_3d(picture).transpose(2, 0, 1).astype(np.float32)
    soft = gaussian_blur(planes, _BLUR_FRAC * min(picture.shape[:2])).transpose(1, 2, 0)
    return np.round(soft).astype(np.uint8).reshape(picture.shape)


def as_pictures(images: ByteArray) -> list[ByteArray]:
    """``(n, C, H, W)`` images as pictures ``(H, W)`` or ``(H, W, 3)``, as if they had been read."""
    return [np.ascontiguousarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)) for image in images]


def gate_evidence(
    gate: AcceptanceGate,
    pictures: Sequence[ByteArray],
    units: Sequence[str],
    preprocess: Preprocess,
    *,
    others: Mapping[str, Sequence[ByteArray]] | None = None,
    seed: int = 0,
) -> GateEvidence:
    """Measure the gate on suitable pictures, on outliers made from them, and on `others` by kind.

    Parameters
    ----------
    pictures
        Suitable images as they were read, ``(H, W)`` or ``(H, W, 3)`` uint8; neither development nor tuning.
    units
        Unit of independence of each picture.
    others
        Pictures from elsewhere: another modality, a photo.
    """
    usual, made = _scores(gate, pictures, preprocess), made_outliers(pictures, seed=seed)
    scored = {name: _scores(gate, odd, preprocess) for name, odd in {**made, **(others or {})}.items()}
    owned = {name: [f"{name}:{i}" for i in range(len(odd))] for name, odd in (others or {}).items()}
    return evidence_of_scores(gate, usual, scored, units, owned=owned, seed=seed)


def evidence_of_scores(
    gate: AcceptanceGate,
    usual: FloatArray,
    odd: Mapping[str, FloatArray],
    units: Sequence[str],
    *,
    owned: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> GateEvidence:
    """Judge a gate by its scores.

    Parameters
    ----------
    usual, odd
        Scores of suitable images, ``(n,)``, and of outliers by kind.
    units
        Unit of independence of each suitable image, and of the outlier that was made from it.
    owned
        Units of the kinds whose outliers were not made from the suitable images.
    """
    own = owned or {}
    kinds = {name: _kind(gate, usual, scores, [*units, *own.get(name, units)], seed) for name, scores in odd.items()}
    return GateEvidence(
        refer_frac=wilson(int((usual > gate.limit).sum()), len(usual), n_patients=len(set(units))),
        kinds=kinds,
        n_images=len(usual),
    )


def _scores(gate: AcceptanceGate, pictures: Sequence[ByteArray], preprocess: Preprocess) -> FloatArray:
    return gate.scores(
        np.stack([preprocess.geometry(picture, preprocess.own_spacing_mm) for picture in pictures]), pictures
    )[0]


def _kind(gate: AcceptanceGate, usual: FloatArray, odd: FloatArray, units: Sequence[str], seed: int) -> OutlierKind:
    is_odd = np.repeat([False, True], [len(usual), len(odd)])
    score = np.concatenate([usual, odd])
    weights = draw_weights(resamples(units, n_resamples=N_DRAWS, seed=seed), len(units))
    found = drawn_aurocs(_ODD, is_odd.astype(np.int64), np.stack([-score, score], axis=1), weights)
    low, high = np.nanpercentile(found, [2.5, 97.5])
    value, n_units = auroc(is_odd, score), len(set(units))
    area = separated(
        Estimate(
            value=value, low=float(min(low, value)), high=float(max(high, value)), n_patients=n_units,
            method=f"bootstrap by patient, {N_DRAWS} draws",
        ),
        n_units,
    )  # fmt: skip
    n_odd_units = len(set(units[len(usual) :]))
    referred = wilson(int((~(odd <= gate.limit)).sum()), len(odd), n_patients=n_odd_units)
    return OutlierKind(auroc=area, referred_frac=referred, n_images=len(odd))
