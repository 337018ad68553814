"""The same figures by age band, sex, site, view or device: where is the model worse than elsewhere?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import InputError, ShapeError
from bedside.base.estimate import Estimate
from bedside.verify.checking import check_probabilities
from bedside.verify.clusters import Units, blank, n_distinct, unit_index
from bedside.verify.delong import auroc_estimate
from bedside.verify.proportions import share
from bedside.verify.two_models import independent_difference

MIN_UNITS = 10
"""A group of fewer patients is named and counted, and gets no figures."""

UNKNOWN = "not known"
_AGE_EDGES = (18.0, 40.0, 65.0)
_MAX_VALUES = 12

Figures = Callable[[BoolArray, FloatArray, BoolArray, IntArray], dict[str, Estimate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroup:
    """One group: its figures, and each less that of all other cases (`gaps`)."""

    name: str
    n_cases: int
    n_positive: int
    n_patients: int
    metrics: dict[str, Estimate]
    gaps: dict[str, Estimate]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupReport:
    """Figures by one column.

    Parameters
    ----------
    worst
        For each figure, the group where it is lowest among those that could be scored.
    worst_metrics
        That group's figure.
    largest_gap
        Highest less lowest figure over groups; its interval treats groups as different patients.
    """

    column: str
    groups: tuple[Subgroup, ...]
    worst: dict[str, str]
    worst_metrics: dict[str, Estimate]
    largest_gap: dict[str, Estimate]


def standard_figures(
    positive: BoolArray, probability: FloatArray, called: BoolArray, index: IntArray
) -> dict[str, Estimate]:
    """AUROC, sensitivity, specificity and accuracy."""
    return {
        "auroc": auroc_estimate(positive, probability, index),
        "sensitivity": share(called, positive, index),
        "specificity": share(~called, ~positive, index),
        "accuracy": share(called == positive, np.ones(len(called), bool), index),
    }


def by_subgroup(
    column: str,
    values: Sequence[str | None],
    positive: BoolArray,
    probability: FloatArray,
    called: BoolArray,
    *,
    units: Units = None,
    figures: Figures = standard_figures,
    min_units: int = MIN_UNITS,
) -> SubgroupReport:
    """Score each group of a column, the cases of unknown value as a group of their own.

    Numbers of many different values become bands (`banded`). A group of fewer than `min_units` patients is listed with
    every figure NaN and the interval [0, 1], and is never called the worst.

    Raises
    ------
    ShapeError, InputError
        If there is not one value a case, or no case has the attribute at all.
    """
    check_probabilities(positive, probability)
    if len(values) != len(positive):
        raise ShapeError(
            f"{len(values)} values for {len(positive)} cases", expected="one a case", hint="check the list"
        )
    if not any(values):
        raise InputError(
            f"no case has the attribute {column!r}", expected="a column of metadata.csv", hint="name another column"
        )
    index, named = unit_index(units, len(positive)), np.array(banded(column, values))
    groups = tuple(
        _group(str(name), named == name, (positive, probability, called, index), figures, min_units)
        for name in sorted(set(named.tolist()), key=_natural)
    )
    scored = [group for group in groups if not group.note and group.name != UNKNOWN]
    worst: dict[str, str] = {}
    worst_metrics: dict[str, Estimate] = {}
    largest: dict[str, Estimate] = {}
    for metric in scored[0].metrics if scored else ():
        known = [group for group in scored if not math.isnan(group.metrics[metric].value)]
        if known:
            low, high = (pick(known, key=lambda group: group.metrics[metric].value) for pick in (min, max))
            worst[metric], worst_metrics[metric] = low.name, low.metrics[metric]
            if len(known) > 1:
                largest[metric] = independent_difference(high.metrics[metric], low.metrics[metric])
    return SubgroupReport(column=column, groups=groups, worst=worst, worst_metrics=worst_metrics, largest_gap=largest)


def _group(
    name: str,
    inside: BoolArray,
    cases: tuple[BoolArray, FloatArray, BoolArray, IntArray],
    figures: Figures,
    min_units: int,
) -> Subgroup:
    positive, _, _, index = cases
    n_units = n_distinct(index[inside])
    found = figures(*(array[inside] for array in cases))  # type: ignore[arg-type]
    gaps: dict[str, Estimate] = {}
    note = ""
    if n_units < min_units:
        found, note = {metric: blank(n_units) for metric in found}, f"fewer than {min_units} patients: not scored"
    elif n_distinct(index[~inside]) >= min_units:
        others = figures(*(array[~inside] for array in cases))  # type: ignore[arg-type]
        gaps = {metric: independent_difference(found[metric], others[metric]) for metric in found}
    return Subgroup(
        name=name, n_cases=int(inside.sum()), n_positive=int(positive[inside].sum()), n_patients=n_units,
        metrics=found, gaps=gaps, note=note,
    )  # fmt: skip


def banded(column: str, values: Sequence[str | None]) -> list[str]:
    """Group of each value: itself; a band where the column holds more than 12 different numbers.

    Bands are 0-17, 18-39, 40-64 and 65+ where the column's name speaks of age, else quarters of the cases. What is no
    number in a column of numbers, and what is blank, is "not known".
    """
    texts = [(value or "").strip() or UNKNOWN for value in values]
    numbers = [_number(text) for text in texts]
    known = np.array([number for number in numbers if number is not None])
    n_words = sum(number is None and text != UNKNOWN for text, number in zip(texts, numbers, strict=True))
    if len(set(known.tolist())) <= _MAX_VALUES or n_words > 0.05 * len(texts):
        return texts
    is_age = "age" in column.lower().replace("_", " ").split()
    edges = _AGE_EDGES if is_age else tuple(np.unique(np.quantile(known, [0.25, 0.5, 0.75])).tolist())
    names = _band_names(edges, whole=is_age)
    return [UNKNOWN if x is None else names[int(np.searchsorted(edges, x, side="right"))] for x in numbers]


def _band_names(edges: Sequence[float], *, whole: bool) -> list[str]:
    if whole:
        return ["0-17", "18-39", "40-64", "65+"]
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:g}", *inner, f"{edges[-1]:g} and above"]


def _number(text: str) -> float | None:
    try:
        number = float(text.rstrip("Yy"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _natural(name: str) -> tuple[bool, float, str]:
    """Unknown last, numbers and bands by their first number, words by the alphabet."""
    digits = name.removeprefix("below ").split(" ")[0].split("-")[0].rstrip("+")
    number = _number(digits)
    first = -math.inf if name.startswith("below ") else math.inf if number is None else number
    return (name == UNKNOWN, first, name)
