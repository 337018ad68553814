"""A case is one labelled image; a cohort is all of them under one question."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from bedside.base.arrays import ByteArray, IntArray
from bedside.base.digest import Digest, digest_array, digest_file, digest_many
from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.data.reading import read_image

Part = Literal["development", "tuning", "test"]
PARTS: tuple[Part, ...] = ("development", "tuning", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One labelled image, from memory (`pixels`) or from a file (`path`).

    Parameters
    ----------
    case_id
        Unique in its cohort; never a patient's name.
    label
        Index into the task's classes.
    patient_id
        The unit of independence; None where the source knows none, and then the case counts as its own patient.
    group
        A looser tie than the patient (near-duplicates, one clip, one site); groups are never split either.
    part
        The part that the source assigns, if any.
    pixels
        ``(H, W)`` or ``(H, W, 3)`` uint8.
    """

    case_id: str
    label: int
    patient_id: str | None = None
    group: str | None = None
    part: Part | None = None
    path: Path | None = None
    pixels: ByteArray | None = field(default=None, repr=False, compare=False)

    def image(self) -> ByteArray:
        """Pixels as ``(H, W)`` or ``(H, W, 3)`` uint8.

        Raises
        ------
        ImageError
            If the file cannot be read.
        """
        if self.pixels is not None:
            return self.pixels
        if self.path is None:
            raise CohortError(f"case {self.case_id} has neither pixels nor a file")
        return read_image(self.path)

    @property
    def unit(self) -> str:
        """The unit of independence: group, else patient, else the case itself."""
        if self.group is not None:
            return f"group:{self.group}"
        return f"patient:{self.patient_id}" if self.patient_id is not None else f"case:{self.case_id}"

    def digest(self) -> Digest:
        """Digest of the image and of all that is known about it."""
        content = digest_array(self.pixels) if self.pixels is not None else digest_file(_existing(self))
        facts = [self.case_id, str(self.label), str(self.patient_id), str(self.group), str(self.part)]
        return digest_many([content, *facts])


def _existing(case: Case) -> Path:
    if case.path is None or not case.path.is_file():
        raise CohortError(f"case {case.case_id} has no file at {case.path}", hint="check the metadata")
    return case.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Who was imaged and what the reference standard says."""

    name: str
    task: Task
    cases: tuple[Case, ...] = field(repr=False)
    source: str
    licence: str = "unknown"
    modality: str = "unknown"
    may_flip: bool = False
    is_phantom: bool = False

    def __post_init__(self) -> None:
        if not self.cases:
            raise CohortError(f"{self.source} holds no cases", expected="labelled images", hint="check the folder")
        repeated = [name for name, n in Counter(case.case_id for case in self.cases).items() if n > 1]
        if repeated:
            raise CohortError(f"{self.source} names a case twice: {', '.join(repeated[:5])}", expected="unique names")
        if outside := [c.case_id for c in self.cases if not 0 <= c.label < self.task.n_classes]:
            raise CohortError(
                f"{len(outside)} labels are outside the list, first: {outside[0]}",
                expected=f"0 to {self.task.n_classes - 1} ({', '.join(self.task.classes)})",
                hint="check the label column",
            )
        self._check_classes()

    def _check_classes(self) -> None:
        units: dict[int, set[str]] = {k: set() for k in range(self.task.n_classes)}
        for case in self.cases:
            units[case.label].add(case.unit)
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
        return digest_many(head + [case.digest() for case in self.cases])

    def without(self, case_ids: set[str]) -> "Cohort":
        """Return the cohort less the named cases."""
        return replace(self, cases=tuple(case for case in self.cases if case.case_id not in case_ids))

    def counts(self) -> dict[str, dict[str, int]]:
        """Count cases by part ("unassigned" where the source assigns none) and class."""
        table: dict[str, dict[str, int]] = {}
        for case in self.cases:
            row = table.setdefault(case.part or "unassigned", dict.fromkeys(self.task.classes, 0))
            row[self.task.classes[case.label]] += 1
        return table


def labels_of(cases: Sequence[Case]) -> IntArray:
    """Labels, ``(n,)``."""
    return np.array([case.label for case in cases], np.int64)


def units_of(cases: Sequence[Case]) -> list[str]:
    """Units of independence, one a case."""
    return [case.unit for case in cases]
