"""Every attribute that the cohort knows, as subgroups of the test, for shipped model and reference."""

from collections.abc import Sequence
from dataclasses import dataclass

from bedside.base.arrays import BoolArray, FloatArray
from bedside.verify.clusters import Units, unit_index
from bedside.verify.subgroups import UNKNOWN, SubgroupReport, banded, by_subgroup

MAX_GROUPS = 20
"""A column of more groups is no grouping (a serial number, a free text): it is left out, and none of it is shown."""

Attributes = Sequence[tuple[tuple[str, str], ...]]
"""Pairs of column and value of each case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupPair:
    """One column, for both models on the same cases."""

    column: str
    shipped: SubgroupReport
    reference: SubgroupReport


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupEvidence:
    """All columns; `left_out` names the others, each with the reason."""

    positive: str
    columns: tuple[SubgroupPair, ...]
    left_out: dict[str, str]


def subgroup_evidence(
    positive_name: str,
    attributes: Attributes,
    positive: BoolArray,
    shipped: tuple[FloatArray, BoolArray],
    reference: tuple[FloatArray, BoolArray],
    units: Units = None,
) -> SubgroupEvidence | None:
    """Score each column of the attributes; None where the cohort has none.

    Parameters
    ----------
    shipped, reference
        Probability of the positive class and whether it is called, each ``(n,)``.

    Notes
    -----
    A column is left out, by name, where it has one group only, more than `MAX_GROUPS`, links for values, or no group
    that can be scored.
    Groups of fewer than 10 patients stay in the table without figures; an age becomes bands (see
    `bedside.verify.subgroups.banded`).
    """
    columns = sorted({column for case in attributes for column, _ in case})
    if not columns:
        return None
    index, pairs, left_out = unit_index(units, len(positive)), [], dict[str, str]()
    for column in columns:
        values = [dict(case).get(column) or None for case in attributes]
        if reason := _no_grouping(column, values):
            left_out[column] = reason
            continue
        made = [
            by_subgroup(column, values, positive, probability, called, units=index)
            for probability, called in (shipped, reference)
        ]
        if all(group.note or group.name == UNKNOWN for group in made[0].groups):
            left_out[column] = "no group has 10 patients"
        else:
            pairs.append(SubgroupPair(column=column, shipped=made[0], reference=made[1]))
    return SubgroupEvidence(positive=positive_name, columns=tuple(pairs), left_out=left_out)


def _no_grouping(column: str, values: Sequence[str | None]) -> str:
    if any("://" in (value or "") for value in values):
        return "links are no groups"
    groups = set(banded(column, values)) - {UNKNOWN}
    if len(groups) > MAX_GROUPS:
        return f"{len(groups)} different values are no groups"
    return "" if len(groups) > 1 else "one value only" if groups else "no test case has a value"
