"""The steps that a `Preprocess` may hold, and their short spelling."""

from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from bedside.base.errors import InputError
from bedside.data.enhance.denoise import Bilateral, Median, NonLocalMeans
from bedside.data.enhance.diffusion import Srad
from bedside.data.enhance.histogram import Clahe, Equalize, StretchPercentiles
from bedside.data.enhance.sector import SectorMask
from bedside.data.enhance.speckle import Lee

Step = StretchPercentiles | Equalize | Clahe | Median | Bilateral | NonLocalMeans | Lee | Srad | SectorMask
"""Frozen settings whose call takes a uint8 picture and returns a new one."""

STEPS: dict[str, type[Any]] = {
    "percentiles": StretchPercentiles,
    "equalize": Equalize,
    "clahe": Clahe,
    "median": Median,
    "bilateral": Bilateral,
    "non_local_means": NonLocalMeans,
    "lee": Lee,
    "srad": Srad,
    "sector": SectorMask,
}


def steps_named(text: str) -> tuple[Step, ...]:
    """Read steps from their short spelling: names and settings, in the order in which they are applied.

    Raises
    ------
    InputError
        For an unknown step or setting.

    Examples
    --------
    >>> steps_named("sector,clahe:tiles=4:clip_limit=3")
    (SectorMask(kind='sector', threshold=8), Clahe(kind='clahe', tiles=4, clip_limit=3.0))
    """
    return tuple(_step(word.strip()) for word in text.split(",") if word.strip())


def _step(word: str) -> Step:
    name, *settings = word.split(":")
    if name not in STEPS:
        near = get_close_matches(name, STEPS, n=1)
        raise InputError(
            f"no enhancement called {name!r}",
            expected="one of " + ", ".join(STEPS),
            hint=f"did you mean {near[0]!r}?" if near else "see docs/reference/reading.md",
        )
    kinds = {field.name: type(field.default) for field in fields(STEPS[name]) if field.name != "kind"}
    values: dict[str, object] = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        try:
            values[key] = kinds[key](value)
        except (KeyError, ValueError):
            raise InputError(
                f"{name} with {setting!r}",
                expected=", ".join(f"{key}={kind.__name__}" for key, kind in kinds.items()) or "no settings",
                hint="correct it, or leave it out",
            ) from None
    return STEPS[name](**values)
