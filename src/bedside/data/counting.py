"""Count a split, for the data sheet: no case is named."""

from collections import Counter
from collections.abc import Sequence

from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.split import Split
from bedside.data.units import units_of


def part_classes(split: Split, task: Task) -> dict[str, dict[str, int]]:
    """Cases in use by part and class (or finding, or kind of object); of the sealed part, labels only are counted."""
    return {
        **{name: count_classes(getattr(split, name), task) for name in ("development", "observation", "tuning")},
        "test": split.test.counted(lambda cases: count_classes(cases, task)),
    }


def count_classes(cases: Sequence[Case], task: Task) -> dict[str, int]:
    """Cases by class; see `Case.holds`."""
    found = Counter(k for case in cases for k in case.holds(task))
    return {name: found[k] for k, name in enumerate(task.classes)}


def part_units(split: Split, test_units: Sequence[str]) -> dict[str, int]:
    """Independent units (patients, groups, or cases where nothing else is known) by part."""
    units = {name: len(set(units_of(getattr(split, name)))) for name in ("development", "observation", "tuning")}
    return {**units, "test": len(set(test_units))}


def native_sizes(cases: Sequence[Case], *, n_shown: int = 8) -> dict[str, int]:
    """Sizes (height x width, or depth x height x width) before resizing, most frequent first; the rest is summed up."""
    counts = Counter(" x ".join(map(str, case.own_shape())) for case in cases)
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = dict(common[:n_shown])
    if rest := sum(n for _, n in common[n_shown:]):
        shown["other sizes"] = rest
    return shown
