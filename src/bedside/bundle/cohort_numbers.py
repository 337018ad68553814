"""Who was imaged, in counts: what the report, its JSON and the pack say of a cohort."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import ConfigDict

from bedside.base.jsonform import OMIT_DEFAULT
from bedside.data.audit import CohortAudit
from bedside.data.cohort import Cohort
from bedside.data.counting import part_classes, part_units
from bedside.data.split import Split
from bedside.verify.few_cases import few_cases

_FORBID = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditNumbers:
    """What the audit counted."""

    __pydantic_config__ = _FORBID

    n_cases: int
    n_unreadable: int
    n_constant: int
    n_leaks: int
    n_dropped: int
    n_copies_within_parts: int
    policy: str
    counts: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortNumbers:
    """Who was imaged, in counts; no case is named.

    Parameters
    ----------
    parts, part_classes, part_units
        Cases in use by part, and by part and class, and independent units (patients, groups) by part; the observation
        part is a subset of development.
    few
        What the few patients of a class can say at best, see `bedside.verify.few_cases`.
    """

    __pydantic_config__ = _FORBID

    name: str
    source: str
    licence: str
    modality: str
    is_phantom: bool
    split_how: str
    parts: dict[str, int]
    part_classes: dict[str, dict[str, int]]
    part_units: dict[str, int]
    audit: AuditNumbers
    few: tuple[str, ...] = field(default=(), metadata=OMIT_DEFAULT)


def cohort_numbers(cohort: Cohort, split: Split, audit: CohortAudit, test_units: Sequence[str]) -> CohortNumbers:
    """Count a cohort, its parts and what its audit found; `test_units` are those of the opened test."""
    return CohortNumbers(
        name=cohort.name,
        source=cohort.source,
        licence=cohort.licence,
        modality=cohort.modality,
        is_phantom=cohort.is_phantom,
        split_how=split.how,
        parts={name: len(getattr(split, name)) for name in ("development", "observation", "tuning", "test")},
        part_classes=part_classes(split, cohort.task),
        part_units=part_units(split, test_units),
        audit=audit_numbers(audit),
        few=few_cases(split, cohort.task),
    )


def audit_numbers(audit: CohortAudit) -> AuditNumbers:
    """Count what an audit found."""
    return AuditNumbers(
        n_cases=audit.n_cases,
        n_unreadable=len(audit.unreadable),
        n_constant=len(audit.constant),
        n_leaks=len(audit.leaks),
        n_dropped=len(audit.dropped),
        n_copies_within_parts=audit.n_copies_within_parts,
        policy=audit.policy,
        counts=audit.counts,
    )
