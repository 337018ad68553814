"""Spoilt images, odd images, shortcuts and further metrics stand in the report where they were measured."""

import json
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from synthetic import synthetic_report

from bedside.base.task import Task
from bedside.bundle.report import render_report
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_numbers import report_json
from bedside.bundle.sections import sections_of
from bedside.data.corruptions import suite_for
from bedside.data.phantom import Phantom
from bedside.data.preprocess import Preprocess
from bedside.verify.gate import fit_gate
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.outliers import gate_evidence
from bedside.verify.robustness import corruption_robustness
from bedside.verify.shortcuts import probe_shortcuts

TASK = Task(classes=("well", "ill"))
PREPROCESS = Preprocess(n_channels=1, height_px=28, width_px=28)
POINT = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="by the test")


class Brightness:
    """Logits ``(0, mean)``: bright images are ill."""

    def run(self, inputs):
        mean = inputs["image"].mean(axis=(1, 2, 3))
        return {"logits": np.stack([np.zeros_like(mean), mean], axis=1)}


@pytest.fixture(scope="module")
def whole() -> ReportData:
    phantom = Phantom(size_px=28)
    pictures = [phantom.image(i, has_lesion=bool(i % 2)) for i in range(120)]
    images, units = np.stack([PREPROCESS.geometry(p) for p in pictures]), [str(i) for i in range(120)]
    labels = (images.mean(axis=(1, 2, 3)) > np.median(images.mean(axis=(1, 2, 3)))).astype(np.int64)
    gate = fit_gate(
        (images[:60], pictures[:60]), (images[60:90], pictures[60:90]),
        development_units=units[:60], tuning_units=units[60:90],
    )  # fmt: skip
    marked = images.copy()
    marked[labels == 1, :, 1:4, 1:4] = 255
    model = (Brightness(), POINT)
    return replace(
        synthetic_report(),
        robustness=corruption_robustness(
            TASK, images, labels, units, PREPROCESS, suite_for("ultrasound"), shipped=model, reference=model,
            severities=(1, 5), n_draws=50,
        ),
        gate=gate_evidence(gate, pictures[90:], units[90:], PREPROCESS),
        shortcuts=probe_shortcuts(TASK, marked, labels, units),
    )  # fmt: skip


def test_what_was_not_measured_has_no_section() -> None:
    names = {section.anchor for section in sections_of(synthetic_report())}
    assert not names & {"robustness", "gate", "shortcuts"}
    assert "details" in names


def test_every_corruption_outlier_and_probe_has_its_row(whole: ReportData) -> None:
    assert whole.robustness
    assert whole.gate
    assert whole.shortcuts
    page = unescape(render_report(whole))
    for name in (*whole.robustness.suite.names, *whole.gate.kinds, *(p.region for p in whole.shortcuts.probes)):
        assert f'<th scope="row">{name}</th>' in page


def test_a_shortcut_is_a_red_warning_on_the_first_screen(whole: ReportData) -> None:
    page = unescape(render_report(whole))
    first_screen = page[: page.index('id="comparison"')]
    assert "The corners alone tells the label" in first_screen
    assert "corners" not in unescape(render_report(synthetic_report()))[: page.index('id="comparison"')]


def test_the_numbers_are_in_the_json_report(whole: ReportData) -> None:
    sections = sections_of(whole)
    held = json.loads(report_json(whole, sections))["sections"]
    assert whole.robustness
    assert held["robustness"]["mean_shipped_loss"]["value"] == whole.robustness.mean_shipped_loss.value
    assert {probe["region"] for probe in held["shortcuts"]["probes"] if probe["flagged"]} >= {"corners"}
    assert set(held["details"]) == {"shipped", "reference"}
