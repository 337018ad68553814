"""A cohort is all cases under one question."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bedside.base.digest import Digest, digest_many
from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.modalities import Modalities
from bedside.data.units import joined, units_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Who was imaged and what the reference standard says.

    Parameters
    ----------
    quarantined
        Files that the source found and could not use, each with the reason: they are no cases, and not forgotten.
    modalities
        What the files of volumes hold along a fourth axis, and what of it is taken; None where they have three axes.
    """

    name: str
    task: Task
    cases: tuple[Case, ...] = field(repr=False)
    source: str
    licence: str = "unknown"
    modality: str = "unknown"
    may_flip: bool = False
    is_phantom: bool = False
    quarantined: Mapping[str, str] = field(default_factory=dict, repr=False)
    modalities: Modalities | None = None

    def __post_init__(self) -> None:
        if not self.cases:
            raise CohortError(f"{self.source} holds no cases", expected="labelled images", hint="check the folder")
        repeated = [name for name, n in Counter(case.case_id for case in self.cases).items() if n > 1]
        if repeated:
            raise CohortError(
                f"{self.source} names a case twice: {', '.join(repeated[:5])}",
                expected="unique names",
                hint="rename one",
            )
        if self.task.picks_one:
            self._check_labels()
        if self.task.kind == "multilabel":
            self._check_marks()

    def _check_labels(self) -> None:
        if outside := [c.case_id for c in self.cases if not 0 <= c.label < self.task.n_classes]:
            raise CohortError(
                f"{len(outside)} labels are outside the list, first: {outside[0]}",
                expected=f"0 to {self.task.n_classes - 1} ({', '.join(self.task.classes)})",
                hint="check the label column",
            )
        self._check_classes()

    def _check_marks(self) -> None:
        for case in self.cases:
            if len(case.marks) != self.task.n_classes or not set(case.marks) <= {-1, 0, 1}:
                raise CohortError(
                    f"case {case.case_id} has the marks {case.marks}",
                    expected=f"1, 0 or -1 for each of {self.task.n_classes} findings",
                    hint="check the columns of the findings",
                )
        for k, name in enumerate(self.task.classes):
            seen = {case.marks[k] for case in self.cases}
            if not {0, 1} <= seen:
                raise CohortError(
                    f"the finding {name!r} is {'never there' if 1 not in seen else 'never absent'} in {self.source}",
                    expected="cases with it and cases without it",
                    hint="leave it out (findings=...), or add cases",
                )

    def _check_classes(self) -> None:
        units: dict[int, set[str]] = {k: set() for k in range(self.task.n_classes)}
        for case, unit in zip(self.cases, units_of(self.cases), strict=True):
            units[case.label].add(unit)
        seen = [k for k, members in units.items() if members]
        if len(seen) < 2:
            raise CohortError(
                f"{self.source} holds one class only ({self.task.classes[seen[0]]})",
                expected="at least two classes with cases",
                hint="add cases of another class, or check the label column",
            )
        for k, members in units.items():
            if len(members) < 2:
                raise CohortError(
                    f"class {self.task.classes[k]!r} has {len(members)} patients or groups",
                    expected="at least 2 a class, so that it can stand on both sides of a split",
                    hint="add cases, or merge the class into another",
                )

    def digest(self) -> Digest:
        """Digest of every case, the classes and the positive class."""
        head = [self.name, *self.task.classes, str(self.task.positive), str(self.may_flip)]
        head += [f"modalities {self.modalities.chosen}"] if self.modalities is not None else []
        return digest_many(head + [case.digest() for case in self.cases])

    def without(self, case_ids: set[str]) -> "Cohort":
        """Return the cohort less the named cases."""
        return replace(self, cases=tuple(case for case in self.cases if case.case_id not in case_ids))

    def tied(self, pairs: Sequence[tuple[str, str]]) -> "Cohort":
        """Return the cohort with the two cases of each pair, and all that is tied to either, in one group."""
        links: dict[str, list[str]] = {}
        for number, pair in enumerate(pairs):
            for case_id in pair:
                links.setdefault(case_id, []).append(f"pair:{number}")
        units = joined([(*case.ties, *links.get(case.case_id, ())) for case in self.cases])
        changed = {unit for case, unit in zip(self.cases, units, strict=True) if case.case_id in links}
        cases = (replace(c, group=unit) if unit in changed else c for c, unit in zip(self.cases, units, strict=True))
        return replace(self, cases=tuple(cases))

    def counts(self) -> dict[str, dict[str, int]]:
        """Count cases by part ("unassigned" where the source assigns none) and class; see `Case.holds`."""
        table: dict[str, dict[str, int]] = {}
        for case in self.cases:
            row = table.setdefault(case.part or "unassigned", dict.fromkeys(self.task.classes, 0))
            for k in case.holds(self.task):
                row[self.task.classes[k]] += 1
        return table
