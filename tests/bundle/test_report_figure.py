"""What is saved from a figure: its numbers, and its drawing as a file of its own."""

import csv
from dataclasses import replace
from io import StringIO
from xml.etree import ElementTree

import numpy as np
import pytest
from synthetic import synthetic_report

from bedside.base.task import Task
from bedside.bundle.canvas import BLUE
from bedside.bundle.case_flow import case_flow, flow_figure
from bedside.bundle.figure_tables import MAX_POINTS, confusion_table, reliability_table, roc_table
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figure import FigureTable, csv_text, downloads, standalone_svg
from bedside.bundle.report_figures import report_figures
from bedside.verify.metrics import auroc

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def data() -> ReportData:
    return synthetic_report(leaks=4, policy="drop", n_cases=200, n_gallery=1)


def rows_of(table: FigureTable) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(csv_text(table))))


def test_the_saved_curve_has_the_area_of_the_report(data: ReportData) -> None:
    rows = [row for row in rows_of(report_figures(data)[0].table) if row["model"] == "shipped"]
    x, y = (np.array([float(row[name]) for row in rows]) for name in ("false_positive_rate", "true_positive_rate"))
    assert np.trapezoid(y, x) == pytest.approx(data.evidence.shipped.auroc.value, abs=1e-5)


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_its_area() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=20_000)
    score = np.clip(0.3 * labels + rng.random(20_000) * 0.7, 0, 1)
    both = np.stack([1 - score, score], axis=1)
    table = roc_table(Task(classes=("no", "yes")), labels, both, both, classes=[1])
    assert len(table.rows) == 2 * MAX_POINTS
    points = np.array([row[2:] for row in table.rows[:MAX_POINTS]], float)
    assert points[0].tolist() == [0, 0]
    assert points[-1].tolist() == [1, 1]
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(auroc(labels == 1, score), abs=0.002)


def test_one_class_only_has_no_curve() -> None:
    both = np.full((5, 2), 0.5)
    assert roc_table(Task(classes=("no", "yes")), np.zeros(5, int), both, both, classes=[1]).rows == ()


def test_the_bins_hold_every_case() -> None:
    rng = np.random.default_rng(1)
    score = rng.random(95)
    table = reliability_table(rng.random(95) < score, score)
    assert sum(int(row[4]) for row in table.rows) == 95


def test_the_confusion_table_is_the_matrix() -> None:
    table = confusion_table(Task(classes=("no", "yes")), ((8, 2), (1, 3)))
    assert table.rows == (("no", "no", 8, 0.8), ("no", "yes", 2, 0.2), ("yes", "no", 1, 0.25), ("yes", "yes", 3, 0.75))


def test_a_spreadsheet_finds_no_formula() -> None:
    text = csv_text(FigureTable(columns=("name", "x"), rows=(("=cmd()", -1.5), ("@sum", 2), ('a,"b"\nc', 0.1234567))))
    assert list(csv.reader(StringIO(text))) == [
        ["name", "x"], ["'=cmd()", "-1.5"], ["'@sum", "2"], ['a,"b"\nc', "0.123457"]
    ]  # fmt: skip


def test_every_drawing_is_a_whole_file_with_colours_of_its_own(data: ReportData) -> None:
    for figure in (*report_figures(data), flow_figure(data)):
        text = standalone_svg(figure.svg)
        root = ElementTree.fromstring(text.encode())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.get("aria-label")
        assert "currentColor" not in text
        assert "var(" not in text
        assert [name for _, name, _ in downloads(figure)] == [f"{figure.name}.csv", f"{figure.name}.svg"]
    assert BLUE in standalone_svg(report_figures(data)[0].svg)


def test_the_flow_adds_up(data: ReportData) -> None:
    flow = case_flow(data)
    assert flow.n_assessed == sum(flow.left_out.values()) + flow.n_in_use
    assert flow.left_out == {"unreadable file": 1, "constant image": 1, "dropped to mend a leak": 4}
    assert flow.n_evaluated == sum(flow.called.values()) == flow.parts["test"] == 200
    assert flow.n_right / flow.n_evaluated == pytest.approx(data.evidence.shipped.accuracy.value)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_flow_is_drawn_inside_its_frame(n_classes: int) -> None:
    made = synthetic_report(n_classes=n_classes, n_cases=90, n_gallery=1)
    root = ElementTree.fromstring(flow_figure(made).svg)
    left, top, width, height = (float(x) for x in root.get("viewBox", "").split())
    boxes = root.findall("{http://www.w3.org/2000/svg}rect")
    assert len(boxes) == 7
    for box in boxes:
        x, y, w, h = (float(box.get(name, "nan")) for name in ("x", "y", "width", "height"))
        assert left <= x
        assert top <= y
        assert x + w <= left + width
        assert y + h <= top + height


def test_what_the_source_set_aside_is_no_case(data: ReportData) -> None:
    notes = data.audit.unreadable | {f"boxes.csv line {i}": "the box has no area" for i in range(7)}
    flow = case_flow(replace(data, audit=replace(data.audit, unreadable=notes)))
    assert flow.n_set_aside == 7
    assert flow.left_out["unreadable file"] == 1
    assert flow.n_assessed == sum(flow.left_out.values()) + flow.n_in_use
