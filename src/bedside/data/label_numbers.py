"""Label numbers that nobody named: which of them are classes, and which are strays."""

from collections.abc import Collection, Sequence

from bedside.base.errors import CohortError


def last_label(held: Sequence[Collection[int]], source: str, hint: str = "") -> int:
    """Return the last of the numbers 1, 2, 3, ... that follow each other without a gap over all maps; 1 at least.

    A number beyond it is a stray: one voxel of 9 in one map of labels 1 and 2 must not make seven empty classes.

    Parameters
    ----------
    held
        For each map the numbers in it.
    hint
        What else may be meant.

    Raises
    ------
    CohortError
        If more than half of the maps hold a number beyond the gap: then the numbering is meant, and needs names.
    """
    seen = set[int]().union(*held)
    last = 0
    while last + 1 in seen:
        last += 1
    n_beyond = sum(max(numbers, default=0) > max(1, last) for numbers in held)
    if 2 * n_beyond > len(held):
        raise CohortError(
            f"{n_beyond} of {len(held)} label maps of {source} hold numbers beyond a gap: {sorted(seen)[:12]}",
            expected="0 (the background), 1, 2, ... without gaps",
            hint="number them anew, or name every number from 0 on with the option classes" + hint,
        )
    return max(1, last)


def stray(number: int, last: int) -> str:
    """Say why a map with this number is left out."""
    return f"it holds the label {number}, and no map holds {last + 1}; if it is a class, name all with classes="
