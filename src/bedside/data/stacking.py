"""Cases become arrays."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.data.suiting_volumes import suit_volumes

SMALL_PX = 64
_N_LOOKED_AT = 64
N_FRAMES = 8
"""Frames that a model of clips sees, where nothing else is asked for."""

_SIDE_MULTIPLES = {"detection": 16}
"""By kind of task: what the sides of its networks' inputs are multiples of."""


def stack_images(
    cases: Sequence[Case], preprocess: Preprocess, tick: Callable[[int, int], None] = lambda done, total: None
) -> ByteArray:
    """Resized images or clips, ``(n, *spec.shape)`` uint8, in the order of `cases`."""
    stacked = np.empty((len(cases), *preprocess.spec.shape), np.uint8)
    for i, case in enumerate(cases):
        stacked[i] = case.placed(preprocess)
        tick(i + 1, len(cases))
    return stacked


def looked_at(cases: Sequence[Case]) -> Sequence[Case]:
    """Some of the cases, evenly spread."""
    return cases[:: max(1, len(cases) // _N_LOOKED_AT)]


def suit_preprocess(cohort: Cohort, *, image_px: int, development: Sequence[Case] = (), **asked: Any) -> Preprocess:
    """Choose size and channels from a look at some of the images.

    Images of one size up to 64 px keep it; others are letterboxed to a square of `image_px`, or of their own longest
    side where that is smaller; detection rounds sides up to what its networks can halve. One colour image makes the
    model take three channels. A cohort with a clip in it is one
    of clips, and a still image of it a clip that stands still. Volumes: see `suit_volumes`; there the headers of the
    `development` cases decide, where they are given.
    """
    if all(case.is_volume for case in cohort.cases):
        return suit_volumes(cohort, development=development, **asked)
    if any(case.is_clip for case in cohort.cases):
        asked.setdefault("n_frames", N_FRAMES)
    suited = suit_cases(cohort.cases, image_px=image_px, **asked)
    multiple = _SIDE_MULTIPLES.get(cohort.task.kind, 1)
    height, width = (-(-side // multiple) * multiple for side in (suited.height_px, suited.width_px))
    return replace(suited, height_px=height, width_px=width)


def suit_cases(cases: Sequence[Case], *, image_px: int, **asked: Any) -> Preprocess:
    """Do as `suit_preprocess`, for cases that are no cohort: nobody labelled them."""
    images = [case.image() for case in looked_at(cases)]
    shapes = {image.shape[:2] for image in images}
    n_channels = 3 if any(image.ndim == 3 for image in images) else 1
    if len(shapes) == 1 and max(next(iter(shapes))) <= SMALL_PX:
        height, width = next(iter(shapes))
        return Preprocess(n_channels=n_channels, height_px=height, width_px=width, **asked)
    longest = max(max(shape) for shape in shapes)
    side = min(image_px, longest)
    return Preprocess(n_channels=n_channels, height_px=side, width_px=side, **asked)
