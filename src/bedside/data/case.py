"""A case is one labelled image; a cohort is all of them under one question."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from bedside.base.arrays import BoolArray, ByteArray, IntArray
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
    mask_path
        Where somebody drew the lesion, if anybody did: an 8-bit image of the same size; see `mask`.
    """

    case_id: str
    label: int
    patient_id: str | None = None
    group: str | None = None
    part: Part | None = None
    path: Path | None = None
    pixels: ByteArray | None = field(default=None, repr=False, compare=False)
    mask_path: Path | None = None

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
            raise CohortError(
                f"case {self.case_id} has neither pixels nor a file", expected="one of them", hint="check its source"
            )
        return read_image(self.path)

    def mask(self) -> BoolArray | None:
        """Where the lesion lies, ``(H, W)``, all False where there is none; None where nobody drew it.

        Masks are stored as 0 and 255, or as small label numbers. In the first kind a pixel belongs to the lesion from
        128 on, so that the noise of a JPEG does not count; in the second every label but 0 does.

        Raises
        ------
        ImageError
            If the file cannot be read.
        """
        if self.mask_path is None:
            return None
        values = read_image(self.mask_path)
        values = values.max(axis=2) if values.ndim == 3 else values
        return values >= 128 if values.max() >= 128 else values > 0

    @property
    def ties(self) -> tuple[str, ...]:
        """What ties it to other cases: its group and its patient; the case itself where neither is known."""
        known = {"group": self.group, "patient": self.patient_id}
        return tuple(f"{kind}:{name}" for kind, name in known.items() if name is not None) or (f"case:{self.case_id}",)

    def digest(self) -> Digest:
        """Digest of the image, of its mask if it has one, and of all that is known about it."""
        content = digest_array(self.pixels) if self.pixels is not None else digest_file(_existing(self, self.path))
        facts = [self.case_id, str(self.label), str(self.patient_id), str(self.group), str(self.part)]
        if self.mask_path is not None:
            facts.append(digest_file(_existing(self, self.mask_path)))
        return digest_many([content, *facts])


def _existing(case: Case, path: Path | None) -> Path:
    if path is None or not path.is_file():
        raise CohortError(
            f"case {case.case_id} has no file at {path}", expected="an image file", hint="check the metadata"
        )
    return path


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
            raise CohortError(
                f"{self.source} names a case twice: {', '.join(repeated[:5])}",
                expected="unique names",
                hint="rename one",
            )
        if outside := [c.case_id for c in self.cases if not 0 <= c.label < self.task.n_classes]:
            raise CohortError(
                f"{len(outside)} labels are outside the list, first: {outside[0]}",
                expected=f"0 to {self.task.n_classes - 1} ({', '.join(self.task.classes)})",
                hint="check the label column",
            )
        self._check_classes()

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
        units = _joined([(*case.ties, *links.get(case.case_id, ())) for case in self.cases])
        joined = {unit for case, unit in zip(self.cases, units, strict=True) if case.case_id in links}
        cases = (replace(c, group=unit) if unit in joined else c for c, unit in zip(self.cases, units, strict=True))
        return replace(self, cases=tuple(cases))

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
    """Units of independence, one a case: cases that share a patient or a group, or are tied through others, are one."""
    return _joined([case.ties for case in cases])


def _joined(ties: Sequence[tuple[str, ...]]) -> list[str]:
    """Name of the connected component of each row of ties: the first of its ties in the order of the alphabet."""
    above: dict[str, str] = {}

    def head(tie: str) -> str:
        while above.setdefault(tie, tie) != tie:
            above[tie] = tie = above[above[tie]]
        return tie

    for first, *others in ties:
        for tie in others:
            low, high = sorted((head(first), head(tie)))
            above[high] = low
    return [head(row[0]) for row in ties]
