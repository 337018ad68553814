"""How int8 was reached stands in the report: each try, the damaged layers, and a warning where nothing passed."""

import json
from dataclasses import replace
from html import unescape

import pytest
from synthetic import synthetic_report

from bedside.base.estimate import Estimate
from bedside.bundle.report import render_report
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_numbers import report_json, report_schema
from bedside.bundle.sections import sections_of
from bedside.verify.int8_tries import AutopilotReport, CulpritLayer, Int8Reports, Int8Try

SCORE = Estimate(value=0.91, low=0.88, high=0.94, n_patients=200)
LOSS = Estimate(value=-0.031, low=-0.05, high=-0.01, n_patients=200)


def reported(data: ReportData, *, chosen: str) -> ReportData:
    plain = Int8Try(fix="plain", tuning_score=SCORE, difference=LOSS, flips_frac=0.13, size_kib=80.0,
                    latency_p50_ms=0.5, seconds=4.0, why="loses 0.0310 of AUROC")  # fmt: skip
    nothing = Int8Try(fix="16-bit activations everywhere", seconds=1.0, why="no file: the format lacks 16 bits")
    island = Int8Try(fix="2 layers in float", layers=("stem", "head<b>"), tuning_score=SCORE, difference=SCORE,
                     flips_frac=0.0, agreement_flips_frac=0.01, size_kib=96.5, latency_p50_ms=0.6,
                     seconds=5.0)  # fmt: skip
    tries = (plain, nothing, island) if chosen else (plain, nothing)
    culprit = CulpritLayer(
        layer="head<b>", alone_sqnr_db=2.7, without_sqnr_db=19.0, flips_frac=0.12, score_change=float("nan")
    )
    name = data.choice.name.rsplit(" ", 1)[0]
    report = AutopilotReport(
        model=name, format="onnx", metric="AUROC", margin=0.005, fp32_score=SCORE, fp32_size_kib=300.0,
        fp32_latency_p50_ms=0.9, n_observed=(200, 200), tries=tries, culprits=(culprit,), whole_sqnr_db=1.9,
        n_layers=20, chosen=chosen, plan={"rules": []},
    )  # fmt: skip
    return replace(data, int8=Int8Reports(reports=(report,)))


def test_a_report_without_the_autopilot_has_no_such_section() -> None:
    assert "int8" not in {section.anchor for section in sections_of(synthetic_report())}


def test_tries_and_layers_are_shown_and_kept_in_the_json() -> None:
    data = reported(synthetic_report(), chosen="2 layers in float")
    text = unescape(render_report(data))
    for word in ("How int8 was reached", "2 layers in float", "stem, head<b>", "loses 0.0310", "16 bits", "2.7"):
        assert word in text, word
    assert "head<b>" not in render_report(data)
    held = json.loads(report_json(data, sections_of(data)))
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(held, report_schema())
    assert held["sections"]["int8"]["reports"][0]["chosen"] == "2 layers in float"
    assert "no int8 file was good enough" not in text


def test_a_model_that_no_fix_mends_is_a_warning() -> None:
    text = unescape(render_report(reported(synthetic_report(), chosen="")))
    assert "no int8 file was good enough" in text.partition('id="comparison"')[0]
    assert "fp32 remains" in text
