"""The model card says what the model is for, what it is not for, and what errors to expect."""

from dataclasses import replace

import pytest
from synthetic import synthetic_report, without_positives

from bedside.base.task import Task
from bedside.bundle.model_card import intended_use, render_model_card
from bedside.bundle.report_data import ReportData
from bedside.bundle.wording import cut, forbidden_uses
from bedside.verify.operating_point import OperatingPoint


@pytest.fixture(scope="module")
def data() -> ReportData:
    return synthetic_report(n_cases=120, n_gallery=1)


def section_of(card: str, title: str) -> str:
    return card.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_what_the_run_cannot_know_is_left_to_the_owner(data: ReportData) -> None:
    use = intended_use(data)
    assert "pneumonia" in use.purpose
    assert {use.population, use.setting, use.user} == {"TO DO (owner)"}
    assert section_of(render_model_card(data, "none"), "Intended use").count("TO DO (owner)") == 3


def test_the_errors_to_expect_are_those_of_the_test(data: ReportData) -> None:
    shipped = data.evidence.shipped
    limits = section_of(render_model_card(data, "none"), "Limits")
    assert f"misses {100 * (1 - shipped.sensitivity.value):.1f} % of “pneumonia”" in limits
    assert f"calls {100 * (1 - shipped.specificity.value):.1f} % of the others" in limits


def test_an_error_rate_that_the_test_cannot_give_is_not_made_up(data: ReportData) -> None:
    limits = section_of(render_model_card(without_positives(data), "none"), "Limits")
    assert "misses not estimable" in limits
    assert "nan" not in limits


def test_what_it_must_not_be_used_for_follows_the_evidence(data: ReportData) -> None:
    judged = replace(data.evidence.non_inferiority, verdict="PASS")
    passed = replace(data, evidence=replace(data.evidence, non_inferiority=judged))
    assert not any("place of the reference" in use for use in forbidden_uses(passed))
    judged = replace(judged, verdict="FAIL")
    phantom = replace(data.cohort, is_phantom=True)
    failed = replace(data, cohort=phantom, evidence=replace(data.evidence, non_inferiority=judged))
    uses = section_of(render_model_card(failed, "none"), "What it must not be used for")
    assert "In the place of the reference: the verdict is FAIL" in uses
    assert "Patients at all" in uses
    assert all(f"- {use}" in uses for use in forbidden_uses(failed))


def test_every_threshold_is_named() -> None:
    task = Task(classes=("RBC", "WBC"), kind="detection")
    point = OperatingPoint(
        temperature=1.0, threshold_prob=0.5, positive=0, rule="made", link="sigmoid", thresholds_prob=(0.5, 0.25)
    )
    assert cut(task, point) == "thresholds RBC 0.5000, WBC 0.2500"
    assert cut(task, replace(point, thresholds_prob=())) == "threshold 0.5000"
    assert not cut(task, replace(point, thresholds_prob=(), threshold_prob=None))
