"""Units of independence: what resamples, splits and folds take whole."""

from collections.abc import Sequence

from bedside.data.case import Case


def units_of(cases: Sequence[Case]) -> list[str]:
    """Units of independence, one a case: cases that share a patient or a group, or are tied through others, are one."""
    return joined([case.ties for case in cases])


def unit_word(cases: Sequence[Case]) -> str:
    """What is counted as independent: patients, patients or groups, or images where neither is known."""
    if all(case.patient_id for case in cases):
        return "patients"
    return "patients or groups" if any(case.patient_id or case.group for case in cases) else "images"


def joined(ties: Sequence[tuple[str, ...]]) -> list[str]:
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
