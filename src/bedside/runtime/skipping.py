"""Tiles that hold only background are not run."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import CohortError, InputError, ShapeError

BACKGROUND_LOGIT = 2000.0
"""At every temperature that is fitted (20 at most) the background has a probability of 1 in double precision."""

SAFETY_FRAC = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipping:
    """Which tiles of a volume are not run, and what they answer.

    A tile is background where no voxel of it is brighter than `dark_level`. It has no say in the blend: a voxel that
    another, run tile covers takes that one's answer, and only a voxel that skipped tiles alone cover is background. So
    a skipped tile can never outvote a lesion that its neighbour sees.

    Parameters
    ----------
    dark_level
        Grey level, 0 to 254, of voxels as the preprocessing reads them (before `Preprocess.normalize`).
    n_classes
        Classes of the model's answer; the first is the background.
    """

    dark_level: int
    n_classes: int

    def __post_init__(self) -> None:
        if not 0 <= self.dark_level < 255 or self.n_classes < 2:
            raise InputError(
                f"a dark level of {self.dark_level} and {self.n_classes} classes",
                expected="a grey level from 0 to 254, and background with one class or more",
                hint="fit it on the development part, see bedside.runtime.skip_fitting.fit_skipping",
            )

    def skips(self, tile: ByteArray) -> bool:
        """Whether a tile ``(C, D, H, W)`` uint8 holds only background."""
        return int(tile.max()) <= self.dark_level

    def answer(self, shape: tuple[int, ...]) -> FloatArray:
        """Logits ``(K, *shape)`` of background."""
        logits = np.zeros((self.n_classes, *shape), np.float32)
        logits[0] = BACKGROUND_LOGIT
        logits[1:] = -BACKGROUND_LOGIT
        return logits

    def checked(self, logits: FloatArray) -> FloatArray:
        """Return the answer ``(K, ...)`` of a tile that was run.

        Raises
        ------
        ShapeError
            If the model has another number of classes than this rule.
        """
        if len(logits) != self.n_classes:
            raise ShapeError(
                f"a model of {len(logits)} classes and a rule for skipping of {self.n_classes}",
                expected="one number", hint="fit the rule for this model",
            )  # fmt: skip
        return logits


def darkest_level(brightest: Iterable[int], *, safety_frac: float = SAFETY_FRAC) -> int:
    """Dark level from the brightest voxel of each tile that holds a lesion: a share of the least of them.

    Raises
    ------
    CohortError
        If there is no tile with a lesion, or one of them is wholly black: then nothing tells background from lesion.
    InputError
        For a share that is not above 0 and at most 1.
    """
    if not 0 < safety_frac <= 1:
        raise InputError(f"a share of {safety_frac}", expected="above 0, at most 1", hint="0.5 is usual")
    least = min(brightest, default=None)
    if least is None or least < 1:
        seen = "no tile holds a lesion" if least is None else "a tile that holds a lesion is wholly black"
        raise CohortError(seen, expected="lesions brighter than 0 in the development part", hint="run every tile")
    return int(min(np.ceil(safety_frac * least) - 1, 254))
