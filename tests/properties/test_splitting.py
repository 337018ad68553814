"""However patients and groups are tangled: no tie between two parts, and nobody lost."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.split import split_by_patient
from bedside.data.units import units_of

PIXELS = np.zeros((1, 1), np.uint8)
FACTS = st.tuples(st.integers(0, 2), st.none() | st.integers(0, 30), st.none() | st.integers(0, 20))


def cohort(facts: list[tuple[int, int | None, int | None]]) -> Cohort:
    cases = tuple(
        Case(
            case_id=str(i),
            label=label,
            patient_id=None if patient is None else str(patient),
            group=None if group is None else str(group),
            pixels=PIXELS,
        )
        for i, (label, patient, group) in enumerate(facts)
    )
    return Cohort(name="made", task=Task(classes=("a", "b", "c")), cases=cases, source="test:made")


@settings(max_examples=150, deadline=None)
@given(st.lists(FACTS, min_size=20, max_size=80), st.integers(0, 5))
def test_no_patient_and_no_group_stands_in_two_parts(
    facts: list[tuple[int, int | None, int | None]], seed: int
) -> None:
    try:
        made = cohort(facts)
        split = split_by_patient(made, seed=seed)
    except CohortError:
        return  # too few independent units of some class: refusing is right
    parts = (split.development, split.tuning, split.test.open(reason="property"))
    for one, other in combinations(parts, 2):
        assert not {tie for case in one for tie in case.ties} & {tie for case in other for tie in case.ties}
    assert sorted(case.case_id for part in parts for case in part) == sorted(case.case_id for case in made.cases)
    for part in parts:
        assert {case.label for case in part} == {0, 1, 2}
    assert {case.case_id for case in split.observation} <= {case.case_id for case in split.development}


@given(st.lists(FACTS, min_size=1, max_size=40))
def test_units_are_the_finest_partition_that_parts_no_tie(facts: list[tuple[int, int | None, int | None]]) -> None:
    """Against a slow and plain closure: start from single cases, merge while anything is shared."""
    cases = [
        Case(case_id=str(i), label=0, patient_id=None if p is None else str(p), group=None if g is None else str(g))
        for i, (_, p, g) in enumerate(facts)
    ]
    blocks = [({case.case_id}, set(case.ties)) for case in cases]
    merged = True
    while merged:
        merged = False
        for one, other in combinations(blocks, 2):
            if one[1] & other[1]:
                blocks.remove(other)
                one[0].update(other[0])
                one[1].update(other[1])
                merged = True
                break
    units = units_of(cases)
    got = {frozenset(c.case_id for c, u in zip(cases, units, strict=True) if u == unit) for unit in units}
    assert got == {frozenset(members) for members, _ in blocks}
