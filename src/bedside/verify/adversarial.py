"""Accuracy and sensitivity against the size of an attack; checks tell a broken attack from a robust model.

The checks are those of Carlini et al., "On Evaluating Adversarial Robustness" (2019), sections 4 and 5.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bedside.base.arrays import BoolArray, ByteArray, FloatArray, IntArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import Session
from bedside.verify.intervals import wilson
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.outputs import outputs_of
from bedside.verify.square import square_attack

EPS_LEVELS = (1, 2, 4, 8, 16, 32)
Access = Literal["white-box", "black-box", "transfer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackPoint:
    """What is left of a model at one size of the attack; `eps_levels` are grey levels of 255, the largest change."""

    eps_levels: int
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackCurve:
    """One attack on one model.

    Parameters
    ----------
    access
        ``white-box`` sees weights and gradients, ``black-box`` outputs only, ``transfer`` nothing of this model.
    effort
        Iterations or queries an image.
    points
        By rising size; the first, at 0, is the clean model.
    """

    attack: str
    access: Access
    victim: str
    effort: int
    points: tuple[AttackPoint, ...]

    def at(self, eps_levels: int) -> AttackPoint | None:
        """The point at one size, if it was measured."""
        return next((point for point in self.points if point.eps_levels == eps_levels), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SanityCheck:
    """Something that must hold if the attacks work; where it fails, the curves must not be read as robustness."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarialReport:
    """Curves of one set of images, and the checks on them."""

    curves: tuple[AttackCurve, ...]
    checks: tuple[SanityCheck, ...]
    n_cases: int
    n_patients: int
    seed: int

    @property
    def sane(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A model under attack with the images that it is tried on.

    Parameters
    ----------
    images
        ``(n, C, H, W)`` uint8 after `Preprocess.geometry`; `labels` and `units` are theirs.
    """

    name: str
    session: Session
    point: OperatingPoint
    preprocess: Preprocess
    images: ByteArray
    labels: IntArray
    units: tuple[str, ...]
    positive: int

    def right(self, images: ByteArray) -> BoolArray:
        """Whether each call is right, ``(n,)``, on changed images."""
        outputs = outputs_of(self.session, images, self.preprocess)
        return self.point.calls(self.point.probabilities(outputs)) == self.labels

    def standing(self, eps_levels: int, right: BoolArray) -> AttackPoint:
        """Shares with Wilson's intervals; a positive case is missed where its call is wrong."""
        ill = self.labels == self.positive

        def share(among: BoolArray) -> Estimate:
            n_units = len({unit for unit, inside in zip(self.units, among, strict=True) if inside})
            return wilson(int((right & among).sum()), int(among.sum()), n_patients=n_units or None)

        return AttackPoint(
            eps_levels=eps_levels, accuracy=share(np.ones_like(ill)), sensitivity=share(ill), specificity=share(~ill)
        )


def square_curve(
    victim: Victim,
    *,
    eps_levels: Sequence[int] = EPS_LEVELS,
    n_queries: int = 300,
    seed: int = 0,
    tick: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> AttackCurve:
    """Square attack at rising sizes; an image that fell at a smaller size is inside the larger one and stays fallen."""
    sizes = _checked(eps_levels)
    standing = victim.right(victim.images)
    points = [victim.standing(0, standing)]
    for i, eps in enumerate(sizes):
        rows = np.flatnonzero(standing)
        if len(rows):
            attacked = square_attack(
                victim.session, victim.images[rows], victim.labels[rows], victim.preprocess, victim.point,
                eps_levels=eps, n_queries=n_queries, seed=seed,
                tick=lambda done, total, i=i, eps=eps: tick(i * total + done, len(sizes) * total, f"square, eps {eps}"),
            )  # fmt: skip
            standing[rows[attacked.fooled_at >= 0]] = False
        points.append(victim.standing(eps, standing))
    return AttackCurve(
        attack="square", access="black-box", victim=victim.name, effort=n_queries, points=tuple(points)
    )  # fmt: skip


def given_curve(
    victim: Victim, attack: str, access: Access, effort: int, images_of: dict[int, ByteArray]
) -> AttackCurve:
    """Score images that were made elsewhere (white-box on the float model, or for a transfer), by size in grey levels.

    An image counts as fallen if it fell at this size or at a smaller one.

    Raises
    ------
    InputError
        If an image strays further from its clean one than its size says.
    """
    standing = victim.right(victim.images)
    points = [victim.standing(0, standing)]
    for eps in _checked(tuple(images_of)):
        strayed = int(np.abs(images_of[eps].astype(np.int16) - victim.images).max())
        if strayed > eps:
            raise InputError(
                f"images of {attack} stray {strayed} grey levels", expected=f"at most {eps}", hint="project them"
            )
        standing = standing & victim.right(images_of[eps])
        points.append(victim.standing(eps, standing))
    return AttackCurve(attack=attack, access=access, victim=victim.name, effort=effort, points=tuple(points))


def decision_offset(point: OperatingPoint, n_classes: int) -> FloatArray:
    """What must be added to the logits, ``(K,)``, so that the largest one is the call at the locked operating point."""
    offset = np.zeros(n_classes)
    if point.threshold_prob is not None:
        threshold = min(max(point.threshold_prob, 1e-12), 1 - 1e-12)
        offset[1 - point.positive] = point.temperature * math.log(threshold / (1 - threshold))
    return offset


def _checked(eps_levels: Sequence[int]) -> list[int]:
    if not eps_levels or min(eps_levels) < 1 or max(eps_levels) > 255:
        raise InputError(
            f"attack sizes {tuple(eps_levels)}", expected="whole grey levels from 1 to 255", hint="see --eps"
        )
    return sorted(set(eps_levels))
