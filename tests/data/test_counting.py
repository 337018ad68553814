"""Counts of a split: by part, class and unit; the sealed part is not opened for them."""

from pathlib import Path

import numpy as np
from PIL import Image

from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.counting import native_sizes, part_classes, part_units
from bedside.data.split import Split, split_by_patient
from bedside.data.units import units_of

TASK = Task(classes=("well", "ill"))


def split_of(n_patients: int = 40) -> Split:
    """Two images a patient, every fourth patient ill."""
    pixels = np.zeros((6, 5), np.uint8)
    cases = tuple(
        Case(case_id=f"{p}-{i}", label=int(p % 4 == 0), patient_id=str(p), pixels=pixels + 2 * p + i)
        for p in range(n_patients)
        for i in range(2)
    )
    return split_by_patient(Cohort(name="made", task=TASK, cases=cases, source="made"), seed=0)


def test_every_case_is_counted_once_and_the_seal_holds() -> None:
    split = split_of()
    test = split_of().test.open(reason="the same part, opened in a copy")
    counts = part_classes(split, TASK)
    assert split.test.opened_for == ""
    three = [counts[part] for part in ("development", "tuning", "test")]
    assert sum(row["well"] for row in three) == 60
    assert sum(row["ill"] for row in three) == 20
    assert {part: sum(row.values()) for part, row in counts.items()} == {
        part: len(getattr(split, part)) for part in ("development", "observation", "tuning", "test")
    }
    units = part_units(split, units_of(test))
    assert units["development"] + units["tuning"] + units["test"] == 40


def test_sizes_are_those_of_the_files_not_of_the_model(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.fromarray(np.zeros((7, 9, 3), np.uint8)).save(path)
    cases = [Case(case_id="a", label=0, path=path)]
    cases += [Case(case_id=str(i), label=0, pixels=np.zeros((4, 4), np.uint8)) for i in range(2)]
    assert native_sizes(cases) == {"4 x 4": 2, "7 x 9": 1}


def test_many_sizes_are_summed_up() -> None:
    cases = [Case(case_id=str(i), label=0, pixels=np.zeros((4, 4 + i), np.uint8)) for i in range(12)]
    found = native_sizes(cases, n_shown=8)
    assert len(found) == 9
    assert found["other sizes"] == 4
    assert sum(found.values()) == 12
