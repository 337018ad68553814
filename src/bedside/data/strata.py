"""What a split keeps in proportion: the class, or of several findings the rarest that a case has."""

from collections.abc import Sequence

import numpy as np

from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.data.case import Case, Part
from bedside.data.cohort import Cohort


def strata_of(cases: Sequence[Case], task: Task) -> list[int]:
    """Stratum of each case: its class; with several findings the rank of the rarest it has, 0 for none.

    The more common finding has the lower rank, so that of several cases of one patient the largest rank is the rarest
    (the first step of Sechidis et al., ECML PKDD 2011).
    """
    if task.kind != "multilabel":
        return [case.label for case in cases]
    marks = np.array([case.marks for case in cases]).reshape(len(cases), task.n_classes) == 1
    order = np.argsort(-marks.sum(axis=0), kind="stable")
    ranks = np.empty(task.n_classes, np.int64)
    ranks[order] = np.arange(1, task.n_classes + 1)
    return np.where(marks, ranks, 0).max(axis=1).tolist()


def check_marks_of_part(cohort: Cohort, part: Part, cases: Sequence[Case]) -> None:
    """Refuse a part that can neither teach nor test.

    Development must show every finding; tuning and test at least one finding in one case and not in another.

    Raises
    ------
    CohortError
        Naming the part and what it lacks.
    """
    marks = np.array([case.marks for case in cases]).reshape(len(cases), cohort.task.n_classes)
    there, absent = (marks == 1).any(axis=0), (marks == 0).any(axis=0)
    never = [name for name, seen in zip(cohort.task.classes, there, strict=True) if not seen]
    if part == "development" and never:
        raise CohortError(
            f"the development part of {cohort.source} has no case with {', '.join(never)}",
            expected="every finding in development",
            hint="leave those findings out (findings=...), or add patients",
        )
    if not (there & absent).any():
        raise CohortError(
            f"the {part} part of {cohort.source} has no finding that is in one case and not in another",
            expected="both, of one finding at least",
            hint="add patients",
        )
