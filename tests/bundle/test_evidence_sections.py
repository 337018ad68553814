"""Sections on usefulness, subgroups, referral and gaze: what they show, what they leave out, what they warn of."""

import json
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from rich_report import enriched
from synthetic import synthetic_report

from bedside.bundle.gaze_section import outlined
from bedside.bundle.pack.checklists import CHECKLISTS, load_checklist
from bedside.bundle.pack.evidence_facts import EVIDENCE_FACTS
from bedside.bundle.pack.facts import facts_of
from bedside.bundle.report import render_report
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figure import csv_text
from bedside.bundle.report_numbers import report_json, report_schema
from bedside.bundle.section import Section
from bedside.bundle.section_kinds import SECTION_KINDS
from bedside.bundle.sections import sections_of
from bedside.verify.conformal import measure_coverage

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

NEW = ("usefulness", "subgroups", "abstention", "gaze")


@pytest.fixture(scope="module")
def whole() -> ReportData:
    return enriched(synthetic_report())


@pytest.fixture(scope="module")
def sections(whole: ReportData) -> dict[str, Section]:
    return {section.anchor: section for section in sections_of(whole)}


@pytest.fixture(scope="module")
def page(whole: ReportData) -> str:
    return render_report(whole)


def test_what_was_not_measured_has_no_section() -> None:
    assert not {section.anchor for section in sections_of(synthetic_report())} & set(NEW)


def test_every_section_has_figures_with_numbers(sections: dict[str, Section]) -> None:
    names = {figure.name for anchor in NEW for figure in sections[anchor].figures}
    assert names == {
        "decision-curve", "reliability-of-both", "subgroups", "risk-coverage", "prediction-sets", "deletion-insertion",
    }  # fmt: skip
    for anchor in NEW:
        for figure in sections[anchor].figures:
            assert len(csv_text(figure.table).splitlines()) > 4
            assert 'role="img"' in figure.svg


def test_the_page_names_groups_rules_and_models(page: str, whole: ReportData) -> None:
    text = unescape(page)
    assert whole.abstention
    for word in ("Worst group", "Lesion hit rate", "bedside predict --abstain", "treating none", "A <b>", "tiny"):
        assert word in text, word
    assert "<b>A <b>" not in page
    assert "A &lt;b&gt;" in page, "names of groups are escaped"
    assert "ward (one value only)" in text
    assert text.count("fewer than 10 patients") >= 1
    assert len(page) < 5 * 2**20


def test_the_numbers_are_in_the_json_report_and_keep_its_schema(whole: ReportData) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    held = json.loads(report_json(whole, sections_of(whole)))
    jsonschema.validate(held, report_schema())
    assert set(NEW) <= set(held["sections"])
    assert set(SECTION_KINDS) <= set(report_schema()["properties"]["sections"]["properties"])
    assert whole.abstention
    assert held["sections"]["abstention"]["n_cases"] == whole.abstention.n_cases
    spoilt = json.loads(json.dumps(held))
    spoilt["sections"]["abstention"]["n_cases"] = "many"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spoilt, report_schema())


def test_broken_coverage_is_a_red_warning(whole: ReportData) -> None:
    found = whole.abstention
    assert found
    shuffled = measure_coverage(found.rule.sets, 1 - whole.labels, whole.shipped_probabilities)
    assert not shuffled.holds
    broken = replace(whole, abstention=replace(found, coverage=shuffled))
    first_screen = render_report(broken).partition('id="comparison"')[0]
    assert "test cases differ from those of tuning" in first_screen
    assert "test cases differ" not in render_report(whole).partition('id="comparison"')[0]


def test_a_moved_gaze_is_a_red_warning_only_where_lesions_are_lost(whole: ReportData) -> None:
    assert whole.gaze
    first = whole.gaze.changes[0]
    maps_only = replace(whole, gaze=replace(whole.gaze, changes=(replace(first, maps_verdict="MOVED"),)))
    lesions = replace(whole, gaze=replace(whole.gaze, changes=(replace(first, hits_verdict="MOVED"),)))
    pages = [unescape(render_report(made)).partition('id="comparison"') for made in (maps_only, lesions)]
    assert "points at other places" not in pages[0][0]
    assert "Compression moved the gaze." in pages[0][2]
    assert "points at other places than reference" in pages[1][0]


def test_without_masks_no_lesion_is_spoken_of() -> None:
    made = enriched(synthetic_report(), with_masks=False)
    text = render_report(made)
    gaze = text[text.index('id="gaze"') :].partition("</section>")[0]
    assert "Lesion hit rate" not in gaze
    assert "lesion hits are kept" not in gaze


def test_more_than_two_classes_and_a_test_without_positives_have_their_sections() -> None:
    for made in (enriched(synthetic_report(n_classes=8, n_cases=200)),):
        text = render_report(made)
        assert all(f'id="{anchor}"' in text for anchor in NEW)
        assert len(re.findall("hernia", text)) > 1


def test_the_rim_of_a_lesion_is_drawn_and_the_image_is_left_alone() -> None:
    image, mask = np.zeros((1, 8, 8), np.uint8), np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    drawn = outlined(image, mask)
    assert drawn.shape == (3, 8, 8)
    assert drawn[2].astype(bool).sum() == 12, "the rim of a square of 4 pixels"
    assert not image.any()
    assert outlined(image, None) is image


def test_the_checklists_know_subgroups_and_referral(whole: ReportData) -> None:
    plain = synthetic_report()
    assert "no attribute" in facts_of(plain)["subgroups"].text
    assert facts_of(plain)["indeterminate"].text == "None: every test case got a call"
    known = facts_of(whole)
    assert "By age, scanner, sex" in known["subgroups"].text
    assert "Prediction sets hold the truth" in known["indeterminate"].text
    assert "litert int8 against reference" in known["heat"].text
    assert "thresholds" in known["usefulness"].text
    assert set(EVIDENCE_FACTS) <= {
        fact for name in CHECKLISTS for item in load_checklist(name).items for fact in item.facts
    }


def test_the_hall_says_where_each_value_lies_in_the_bundle(whole: ReportData) -> None:
    pytest.importorskip("torch", reason="the hall needs the workshop extra")
    from bedside.evidence_stops import Findings

    held = Findings(
        abstention=whole.abstention, subgroups=whole.subgroups, usefulness=whole.usefulness, gaze=whole.gaze
    )
    assert set(held.values()) == {f"evidence/{name}.json" for name in NEW}
