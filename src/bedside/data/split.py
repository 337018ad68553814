"""Development, tuning, observation; and the sealed test."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bedside.base.digest import Digest, digest_many
from bedside.base.errors import CohortError, SealError
from bedside.base.task import Task
from bedside.data.case import PARTS, Case, Part
from bedside.data.cohort import Cohort
from bedside.data.strata import check_marks_of_part, strata_of
from bedside.data.units import units_of

TUNING_FRAC = 0.15
TEST_FRAC = 0.2
N_OBSERVATION = 200
"""Images whose activation ranges are observed for int8."""


@dataclass(slots=True)
class SealedCases:
    """Test cases; they are read once, for a reason that enters the lineage."""

    _cases: tuple[Case, ...] = field(repr=False)
    opened_for: str = ""

    def __len__(self) -> int:
        return len(self._cases)

    def digest(self) -> Digest:
        """Digest of the sealed cases, without opening them."""
        return digest_many([case.digest() for case in self._cases])

    def counted(self, count: Callable[[tuple[Case, ...]], dict[str, int]]) -> dict[str, int]:
        """Let labels be counted, for the data sheet; no image is read."""
        return count(self._cases)

    def open(self, *, reason: str) -> tuple[Case, ...]:
        """Break the seal. Tuning, observing and selecting must never call this.

        Raises
        ------
        SealError
            Without a reason, or the second time.
        """
        if not reason:
            raise SealError("the test part was opened without a reason", expected="why", hint="pass reason=...")
        if self.opened_for:
            raise SealError(
                f"the test part was already opened for {self.opened_for!r}",
                expected="one opening a run",
                hint="a second look needs new test data",
            )
        self.opened_for = reason
        return self._cases


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Parts that share no patient and no group.

    `observation` is a subset of development, stratified by class; int8 ranges come from it.
    """

    development: tuple[Case, ...] = field(repr=False)
    tuning: tuple[Case, ...] = field(repr=False)
    observation: tuple[Case, ...] = field(repr=False)
    test: SealedCases = field(repr=False)
    how: str

    def digest(self) -> Digest:
        """Digest of who stands where."""
        parts = (self.development, self.tuning, self.observation)
        return digest_many([self.how, *(digest_many([c.digest() for c in part]) for part in parts), self.test.digest()])


def split_by_patient(
    cohort: Cohort, *, seed: int, tuning_frac: float = TUNING_FRAC, test_frac: float = TEST_FRAC
) -> Split:
    """Use the source's own parts where it has them, else draw by patient or group, stratified by class.

    A source that assigns a test part but no tuning part keeps its test; tuning is drawn from its development.

    Raises
    ------
    CohortError
        If a part would lack a class.
    """
    given = {case.part for case in cohort.cases}
    if None in given and len(given) > 1:
        raise CohortError(
            f"{cohort.source} assigns a part to some cases and not to others",
            expected="a part for every case, or for none",
            hint="fill the split column, or remove it",
        )
    cases, how = cohort.cases, "the source's own parts"
    if given == {None}:
        cases, how = (
            _draw(cohort, {"test": test_frac, "tuning": tuning_frac}, seed),
            f"by patient, stratified, seed {seed}",
        )
    elif "tuning" not in given:
        rest = replace(cohort, cases=tuple(case for case in cases if case.part != "test"))
        drawn = _draw(rest, {"tuning": tuning_frac}, seed)
        cases = (*drawn, *(case for case in cases if case.part == "test"))
        how = f"the source's own test; tuning by patient, stratified, seed {seed}"
    parts: dict[Part, tuple[Case, ...]] = {p: tuple(case for case in cases if case.part == p) for p in PARTS}
    _check_parts(cohort, parts)
    return Split(
        development=parts["development"],
        tuning=parts["tuning"],
        observation=_stratified(parts["development"], cohort.task, N_OBSERVATION, seed),
        test=SealedCases(parts["test"]),
        how=how,
    )


def _draw(cohort: Cohort, fractions: dict[Part, float], seed: int) -> tuple[Case, ...]:
    """Assign whole units (patients or groups) to parts, class by class."""
    of_unit: dict[str, list[Case]] = defaultdict(list)
    unit_of = units_of(cohort.cases)
    for case, unit in zip(cohort.cases, unit_of, strict=True):
        of_unit[unit].append(case)
    by_class: dict[int, list[str]] = defaultdict(list)
    strata = dict(zip((case.case_id for case in cohort.cases), strata_of(cohort.cases, cohort.task), strict=True))
    for unit, cases in sorted(of_unit.items()):
        by_class[max(strata[case.case_id] for case in cases)].append(unit)
    rng = np.random.default_rng(seed)
    part_of: dict[str, Part] = {}
    for label in sorted(by_class):
        units = [by_class[label][i] for i in rng.permutation(len(by_class[label]))]
        for part, fraction in fractions.items():
            n = max(1, round(fraction * len(by_class[label])))
            for unit in units[:n]:
                part_of[unit] = part
            units = units[n:]
    return tuple(
        replace(case, part=part_of.get(unit, "development")) for case, unit in zip(cohort.cases, unit_of, strict=True)
    )


def _check_parts(cohort: Cohort, parts: dict[Part, tuple[Case, ...]]) -> None:
    for part, cases in parts.items():
        if not cases:
            raise CohortError(
                f"the {part} part of {cohort.source} is empty", expected="cases in every part", hint="add patients"
            )
        if cohort.task.kind == "multilabel":
            check_marks_of_part(cohort, part, cases)
        if not cohort.task.picks_one:
            continue
        present = {case.label for case in cases}
        absent = [name for k, name in enumerate(cohort.task.classes) if k not in present]
        if absent:
            raise CohortError(
                f"the {part} part of {cohort.source} has no case of {', '.join(absent)}",
                expected="every class in every part",
                hint="add patients of that class, or merge it into another",
            )


def _stratified(cases: Sequence[Case], task: Task, n: int, seed: int) -> tuple[Case, ...]:
    """At most `n` cases, every class in its proportion and none left out."""
    if len(cases) <= n:
        return tuple(cases)
    rng = np.random.default_rng(seed)
    labels = np.array(strata_of(cases, task))
    chosen: list[int] = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        k = min(len(rows), max(1, round(n * len(rows) / len(cases))))
        chosen.extend(rng.choice(rows, k, replace=False).tolist())
    return tuple(cases[i] for i in sorted(chosen))


N_AGREEING = 32
"""Cases at least on which a second set of ranges is observed."""


def disjoint_observations(split: Split, task: Task, *, seed: int) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Two observation sets of development cases that share no patient and no group.

    The first one is the split's own, the second as many of the other patients; where these are too few, the split's own
    is halved by patient. The second is empty where even the halves are too small.
    """
    unit_of = dict(zip((c.case_id for c in split.development), units_of(split.development), strict=True))
    taken = {unit_of[case.case_id] for case in split.observation}
    rest = [case for case in split.development if unit_of[case.case_id] not in taken]
    if len(rest) >= N_AGREEING:
        return split.observation, _stratified(rest, task, N_OBSERVATION, seed)
    units = sorted(taken)
    half = {units[i] for i in np.random.default_rng(seed).permutation(len(units))[: len(units) // 2]}
    first = tuple(case for case in split.observation if unit_of[case.case_id] in half)
    second = tuple(case for case in split.observation if unit_of[case.case_id] not in half)
    return (first, second) if min(len(first), len(second)) >= N_AGREEING else (split.observation, ())
