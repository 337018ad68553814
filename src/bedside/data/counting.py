"""Count a split, for the data sheet: no case is named."""

from collections import Counter
from collections.abc import Sequence

from bedside.base.arrays import IntArray
from bedside.data.case import Case, labels_of, units_of
from bedside.data.split import Split


def part_classes(split: Split, test_labels: IntArray, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Cases in use by part and class.

    Parameters
    ----------
    test_labels
        ``(n,)`` labels of the test part, known since it was opened; the sealed part itself is not read.
    """
    labels = {name: labels_of(getattr(split, name)) for name in ("development", "observation", "tuning")}
    return {
        part: {name: int((found == k).sum()) for k, name in enumerate(classes)}
        for part, found in (*labels.items(), ("test", test_labels))
    }


def part_units(split: Split, test_units: Sequence[str]) -> dict[str, int]:
    """Independent units (patients, groups, or cases where nothing else is known) by part."""
    units = {name: len(set(units_of(getattr(split, name)))) for name in ("development", "observation", "tuning")}
    return {**units, "test": len(set(test_units))}


def native_sizes(cases: Sequence[Case], *, n_shown: int = 8) -> dict[str, int]:
    """Sizes in pixels (height x width) before resizing, most frequent first; the rest of many is summed up."""
    counts = Counter(f"{shape[0]} x {shape[1]}" for shape in (case.image().shape for case in cases))
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = dict(common[:n_shown])
    if rest := sum(n for _, n in common[n_shown:]):
        shown["other sizes"] = rest
    return shown
