"""``report.json``: strict JSON under the published schema, with every number of the report."""

import json
from importlib.resources import files

import pytest
from synthetic import synthetic_report, without_positives

from bedside.bundle.report_data import ReportData
from bedside.bundle.report_numbers import REPORT_VERSION, current_report_schema, report_json, report_schema
from bedside.bundle.section import Section
from bedside.bundle.sections import sections_of

jsonschema = pytest.importorskip("jsonschema")
pytest.importorskip("matplotlib")

HOW = (
    "report.json has changed: raise REPORT_VERSION and write a new schema file, or, before a release, write the file "
    "again from json.dumps(current_report_schema(), indent=1, ensure_ascii=False)"
)


def refuse_constant(name: str) -> float:
    raise AssertionError(f"{name} is not JSON")


@pytest.fixture(scope="module")
def data() -> ReportData:
    return synthetic_report(leaks=3, policy="drop", n_cases=120, n_gallery=1)


@pytest.fixture(scope="module")
def sections(data: ReportData) -> tuple[Section, ...]:
    return sections_of(data)


@pytest.fixture(scope="module")
def numbers(data: ReportData, sections: tuple[Section, ...]) -> dict:
    return json.loads(report_json(data, sections), parse_constant=refuse_constant)


def test_the_schema_file_is_that_of_the_code() -> None:
    assert report_schema() == current_report_schema(), HOW


def test_the_schema_file_is_written_for_people() -> None:
    text = (files("bedside.bundle") / "schema" / f"report-{REPORT_VERSION}.json").read_text()
    assert text == json.dumps(report_schema(), indent=1, ensure_ascii=False) + "\n"
    jsonschema.Draft202012Validator.check_schema(report_schema())


def test_it_is_valid(numbers: dict) -> None:
    jsonschema.Draft202012Validator(report_schema()).validate(numbers)
    made = synthetic_report(n_classes=3, n_cases=60, n_gallery=1)
    jsonschema.Draft202012Validator(report_schema()).validate(json.loads(report_json(made, ())))


def test_what_the_data_cannot_give_is_null_and_valid(data: ReportData) -> None:
    found = json.loads(report_json(without_positives(data), ()), parse_constant=refuse_constant)
    assert found["evidence"]["shipped"]["auroc"]["value"] is None
    jsonschema.Draft202012Validator(report_schema()).validate(found)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("report_version",), "one"),
        (("evidence", "shipped", "auroc"), 0.9),
        (("unknown",), 1),
        (("cohort", "parts"), []),
    ],
)
def test_the_schema_refuses_nonsense(numbers: dict, place: tuple[str, ...], value: object) -> None:
    changed = json.loads(json.dumps(numbers))
    at = changed
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(report_schema()).validate(changed)


def test_it_holds_what_the_report_shows(data: ReportData, sections: tuple[Section, ...], numbers: dict) -> None:
    assert numbers["evidence"]["shipped"]["auroc"]["value"] == data.evidence.shipped.auroc.value
    assert numbers["profiles"]["shipped"]["latency_p90_ms"]["high"] == data.chosen.profile.latency_p90_ms.high
    assert [trial["name"] for trial in numbers["trials"]] == [trial.name for trial in data.trials]
    figures = {figure.name: figure for section in sections for figure in section.figures}
    assert set(numbers["figures"]) == set(figures)
    for name, figure in figures.items():
        assert numbers["figures"][name]["columns"] == list(figure.table.columns)
        assert len(numbers["figures"][name]["rows"]) == len(figure.table.rows) > 3


def test_no_case_is_named(data: ReportData, sections: tuple[Section, ...]) -> None:
    assert data.audit.leaks[0].first == "train/0000"
    assert "train/0" not in report_json(data, sections)


def test_the_same_value_gives_the_same_bytes(data: ReportData, sections: tuple[Section, ...]) -> None:
    assert report_json(data, sections_of(data)) == report_json(data, sections)
