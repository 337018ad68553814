"""Options of sources that can ask about several findings at once, or about ordered classes."""

from collections.abc import Mapping, Sequence

from bedside.base.errors import CohortError, InputError
from bedside.base.task import Task

_MARKS = {"": -1, "1": 1, "1.0": 1, "0": 0, "0.0": 0, "-1": -1, "-1.0": -1}


def findings_asked(options: Mapping[str, str], known: Sequence[str], default: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of option ``findings``, parted by commas; `default` (or all that is known) where it is not given.

    Raises
    ------
    InputError
        For a name that is not known, or that stands twice.
    """
    if not options.get("findings"):
        return tuple(default or known)
    names = tuple(name.strip() for name in options["findings"].split(",") if name.strip())
    wrong = [name for name in names if name not in known] or [name for name in names if names.count(name) > 1]
    if wrong or not names:
        raise InputError(
            f"findings={options['findings']} names {wrong[0] if wrong else 'nothing'!r}",
            expected="some of " + ", ".join(known) + ", each once",
            hint="correct the option findings",
        )
    return names


def mark_of(cell: str, where: str) -> int:
    """Mark that a cell of a table states: 1, 0, or -1 (unknown) for -1 or an empty one.

    Raises
    ------
    CohortError
        For anything else.
    """
    if cell not in _MARKS:
        raise CohortError(
            f"{where} has the mark {cell!r}", expected="1, 0, or -1 or empty (unknown)", hint="correct the table"
        )
    return _MARKS[cell]


def classes_asked(options: Mapping[str, str], seen: Sequence[str]) -> tuple[str, ...]:
    """Classes in the order of option ``ordinal`` (least first), or of the alphabet without it.

    Raises
    ------
    InputError
        If the option does not name each class that occurs, or names one twice.
    """
    found = tuple(sorted(set(seen)))
    if not options.get("ordinal"):
        return found
    ordered = tuple(name.strip() for name in options["ordinal"].split(","))
    if sorted(ordered) != list(found):
        raise InputError(
            f"ordinal={options['ordinal']}, but the labels are {', '.join(found)}",
            expected="every class once, from least to most",
            hint="correct the order",
        )
    return ordered


def graded(classes: tuple[str, ...], positive: int, options: Mapping[str, str]) -> Task:
    """Task of classes: ordinal where their order was given."""
    return Task(classes=classes, positive=positive, kind="ordinal" if options.get("ordinal") else "classification")
