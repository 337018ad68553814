"""The checklists are whole, and say only what the run knows."""

import csv
import re
from dataclasses import replace
from io import StringIO

import pytest
from synthetic import synthetic_profile, synthetic_report

from bedside.bundle.pack.checklists import (
    CHECKLISTS,
    FILLED,
    PARTLY,
    TO_DO,
    cell_text,
    checklist_markdown,
    checklists_csv,
    filled,
    load_checklist,
)
from bedside.bundle.pack.facts import facts_of
from bedside.bundle.report_data import ReportData

NUMBERS = {"tripod_ai": (27, 52), "stard_ai": (40, 48), "claim": (44, 44)}


@pytest.fixture(scope="module")
def data() -> ReportData:
    return synthetic_report(leaks=3, policy="drop", n_cases=120, n_gallery=1)


@pytest.mark.parametrize("name", CHECKLISTS)
def test_every_item_of_the_guideline_is_there_once_and_in_order(name: str) -> None:
    numbers = [item.number for item in load_checklist(name).items]
    n_items, n_with_parts = NUMBERS[name]
    assert len(numbers) == len(set(numbers)) == n_with_parts
    heads = [int(re.match(r"\d+", number)[0]) for number in numbers]  # type: ignore[index]
    assert heads == sorted(heads)
    assert set(heads) == set(range(1, n_items + 1))


@pytest.mark.parametrize("name", CHECKLISTS)
def test_every_fact_that_an_item_names_is_known(name: str, data: ReportData) -> None:
    known = facts_of(data)
    assert {fact for item in load_checklist(name).items for fact in item.facts} <= set(known)


def test_no_fact_is_known_in_vain(data: ReportData) -> None:
    assert set(facts_of(data)) == {f for name in CHECKLISTS for item in load_checklist(name).items for f in item.facts}


@pytest.mark.parametrize("name", CHECKLISTS)
def test_what_is_not_known_is_left_to_the_owner(name: str, data: ReportData) -> None:
    entries = filled(load_checklist(name), facts_of(data))
    assert {entry.status for entry in entries} == {FILLED, PARTLY, TO_DO}
    for entry in entries:
        assert bool(entry.item.facts) == bool(entry.known) == (entry.status != TO_DO)
        assert (entry.status == PARTLY) == (TO_DO in entry.known)
    ethics = next(entry for entry in entries if "thical approval" in entry.item.title or "De-ident" in entry.item.title)
    assert ethics.status == TO_DO


def test_the_numbers_are_those_of_the_run(data: ReportData) -> None:
    facts = facts_of(data)
    assert str(data.evidence.shipped.auroc) in facts["performance"].text
    assert f"margin of {data.evidence.non_inferiority.margin:g}" in facts["performance"].text
    assert f"dropped to mend a leak {3}" in facts["exclusions"].text
    assert "NOT disjoint" not in facts["disjoint"].text
    allowed = replace(data, audit=replace(data.audit, policy="allow"))
    assert "NOT disjoint: 3 pairs" in facts_of(allowed)["disjoint"].text


def test_measured_costs_stay_out(data: ReportData) -> None:
    """They differ between equal runs; the checklists must not."""
    slow = synthetic_profile(size_kib=1.0, latency_ms=987.0)
    other = replace(data, trials=tuple(replace(trial, profile=slow) for trial in data.trials), reference_profile=slow)
    assert facts_of(other) == facts_of(data)


def test_the_table_has_one_row_an_item_whatever_the_names_hold(data: ReportData) -> None:
    hostile = replace(data, cohort=replace(data.cohort, name="a | b\n<script>", source="`x` [l](http://e)"))
    for name in CHECKLISTS:
        checklist = load_checklist(name)
        text = checklist_markdown(checklist, filled(checklist, facts_of(hostile)))
        rows = [line for line in text.splitlines() if re.match(r"\| \d", line)]
        assert len(rows) == len(checklist.items)
        assert all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)
        assert "<script>" not in text


def test_the_sheet_has_a_column_for_the_owner(data: ReportData) -> None:
    tables = {name: filled(load_checklist(name), facts_of(data)) for name in CHECKLISTS}
    rows = list(csv.DictReader(StringIO(checklists_csv(tables))))
    assert len(rows) == 52 + 48 + 44
    assert {row["owner"] for row in rows} == {""}


def test_a_cell_is_one_line() -> None:
    assert cell_text("a\nb | c") == "a b \\| c"
