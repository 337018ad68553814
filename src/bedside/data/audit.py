"""Look for what makes a test score lie: the same image, patient or group in two parts; unusable images."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from bedside.base.errors import ImageError, LeakError
from bedside.data.case import PARTS, Case
from bedside.data.cohort import Cohort
from bedside.data.likeness import Look, look_at, near_duplicates

_PROTECTION: dict[str | None, int] = {part: rank for rank, part in enumerate((None, *PARTS))}

LeakKind = Literal["exact", "near", "patient", "group"]
LeakPolicy = Literal["stop", "drop", "allow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Two cases in two parts that are not independent."""

    kind: LeakKind
    first: str
    second: str
    parts: tuple[str, str]

    def __str__(self) -> str:
        return f"{self.kind}: {self.first} ({self.parts[0]}) and {self.second} ({self.parts[1]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortAudit:
    """What the audit saw.

    Parameters
    ----------
    unreadable
        Case, or file that the source quarantined, and reason; such cases are left out.
    constant
        Cases whose image holds one value only; they are left out too.
    leaks
        Pairs across parts.
    dropped
        Cases removed to mend the leaks (policy "drop").
    copies
        Pairs that show one image and that a split might still part; `usable` ties them, so that none does.
    """

    n_cases: int
    counts: dict[str, dict[str, int]]
    unreadable: dict[str, str]
    constant: tuple[str, ...]
    leaks: tuple[Leak, ...]
    n_copies_within_parts: int
    policy: LeakPolicy
    dropped: tuple[str, ...] = ()
    copies: tuple[tuple[str, str], ...] = ()


def audit_cohort(
    cohort: Cohort, *, policy: LeakPolicy = "stop", tick: Callable[[int, int], None] = lambda done, total: None
) -> tuple[Cohort, CohortAudit]:
    """Return the usable cohort and the audit.

    Parameters
    ----------
    policy
        ``stop`` raises on a leak; ``drop`` removes the copy that stands in the less protected part (development
        before tuning, tuning before test: the test part is never thinned); ``allow`` keeps all and says so.
    tick
        Called with (done, total) after each image.

    Raises
    ------
    LeakError
        With the list, if there is a leak and the policy is ``stop``.
    """
    looks, unreadable, constant = _look_at_all(cohort, tick)
    leaks, n_within, copies = find_leaks(looks)
    if leaks and policy == "stop":
        raise _refusal(cohort, leaks)
    dropped = _less_protected(leaks) if policy == "drop" else ()
    audit = CohortAudit(
        n_cases=len(cohort.cases),
        counts=cohort.counts(),
        unreadable={**cohort.quarantined, **unreadable},
        constant=tuple(constant),
        leaks=leaks,
        n_copies_within_parts=n_within,
        policy=policy,
        dropped=dropped,
        copies=copies,
    )
    return usable(cohort, audit), audit


def usable(cohort: Cohort, audit: CohortAudit) -> Cohort:
    """Return the cohort less what the audit leaves out, and with copies of one image tied together."""
    left_out = {*audit.unreadable, *audit.constant, *audit.dropped}
    rest = cohort.without(left_out) if left_out else cohort
    return rest.tied(audit.copies) if audit.copies else rest


def _look_at_all(cohort: Cohort, tick: Callable[[int, int], None]) -> tuple[list[Look], dict[str, str], list[str]]:
    looks: list[Look] = []
    unreadable: dict[str, str] = {}
    constant: list[str] = []
    for done, case in enumerate(cohort.cases, start=1):
        try:
            image = case.image()
        except ImageError as error:
            unreadable[case.case_id] = error.message
            continue
        finally:
            tick(done, len(cohort.cases))
        if image.min() == image.max():
            constant.append(case.case_id)
            continue
        looks.append(look_at(case, image))
    return looks, unreadable, constant


def find_leaks(looks: Sequence[Look]) -> tuple[tuple[Leak, ...], int, tuple[tuple[str, str], ...]]:
    """List pairs across parts, count copies inside one part, and list those that a split might still part."""
    found: dict[frozenset[str], Leak] = {}
    copies: list[tuple[str, str]] = []
    n_within = 0
    undivided = {None} if "tuning" in {look.case.part for look in looks} else {None, "development"}
    for kind, a, b in _related(looks):
        if a.part and b.part and a.part != b.part:
            leak = Leak(kind=kind, first=a.case_id, second=b.case_id, parts=(a.part, b.part))
            found.setdefault(frozenset((a.case_id, b.case_id)), leak)
        elif kind in ("exact", "near"):
            n_within += 1
            copies += [(a.case_id, b.case_id)] * (a.part in undivided)
    return tuple(found.values()), n_within, tuple(copies)


def _related(looks: Sequence[Look]) -> Iterator[tuple[LeakKind, Case, Case]]:
    yield from _sharing(looks, "exact", lambda look: look.exact)
    yield from _sharing(looks, "patient", lambda look: look.case.patient_id)
    yield from _sharing(looks, "group", lambda look: look.case.group)
    for i, j in near_duplicates(looks):
        yield "near", looks[i].case, looks[j].case


def _sharing(
    looks: Sequence[Look], kind: LeakKind, key: Callable[[Look], str | None]
) -> Iterator[tuple[LeakKind, Case, Case]]:
    """Pair copies with one another, and cases of one patient or group with one in the best protected of their parts."""
    members: dict[str, list[Case]] = defaultdict(list)
    for look in looks:
        if (name := key(look)) is not None:
            members[name].append(look.case)
    for cases in members.values():
        if kind == "exact":
            pairs = combinations(cases, 2)
        else:
            kept = max(cases, key=lambda case: _PROTECTION[case.part])
            pairs = ((case, kept) for case in cases if case.part != kept.part)
        for a, b in pairs:
            yield kind, a, b


def _less_protected(leaks: Sequence[Leak]) -> tuple[str, ...]:
    """For each leak, the case in the part that is further from the test."""
    victims = {leak.first if _PROTECTION[leak.parts[0]] < _PROTECTION[leak.parts[1]] else leak.second for leak in leaks}
    return tuple(sorted(victims))


def _refusal(cohort: Cohort, leaks: Sequence[Leak]) -> LeakError:
    shown = "\n    ".join(str(leak) for leak in leaks[:20])
    more = f"\n    ... and {len(leaks) - 20} more" if len(leaks) > 20 else ""
    return LeakError(
        f"{len(leaks)} leaks between the parts of {cohort.source}:\n    {shown}{more}",
        expected="no image, patient or group in two parts",
        hint="--drop-leaks removes the copies from the less protected part; --allow-leak keeps them, in red",
    )
