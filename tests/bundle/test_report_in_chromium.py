"""The report in a real browser: nothing asked for, nothing complained of, readable, reachable, printable."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import ABSENT, Chromium, chromium_path
from rich_report import enriched
from synthetic import synthetic_report

from bedside.bundle.opening import open_bundle
from bedside.bundle.pack.reading import lay_out
from bedside.bundle.report import render_report
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figure import csv_text, standalone_svg
from bedside.bundle.report_figures import report_figures

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

CONTRAST = """
(() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => { const [r, g, b] = c.map(v => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b; };
  const ground = e => { const stack = [];
    for (let n = e; n; n = n.parentElement) stack.push(parse(getComputedStyle(n).backgroundColor));
    return stack.reverse().reduce((under, top) => over(top, under), [255, 255, 255]); };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), low = []; let n = 0;
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement, s = getComputedStyle(e), t = walk.currentNode.data.trim();
    if (!t || !e.getClientRects().length) continue;
    const back = ground(e), front = over(parse(e.closest('svg') ? s.fill : s.color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05); n += 1;
    const large = parseFloat(s.fontSize) >= 24 || (parseFloat(s.fontSize) >= 18.66 && s.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) low.push([t.slice(0, 40), ratio.toFixed(2)]);
  }
  return {n, low};
})()
"""
FOCUSED = """
(() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
  return {text: (e.getAttribute('aria-label') || e.textContent || '').trim().slice(0, 60), tag: e.tagName,
    outline: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2, left: r.left, width: r.width}; })()
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    path = chromium_path()
    if path is None:
        pytest.skip(ABSENT)
    page = Chromium(path)
    yield page
    page.close()


@pytest.fixture(scope="module")
def data() -> ReportData:
    return synthetic_report(leaks=3, policy="allow", n_gallery=2)


@pytest.fixture(scope="module")
def report(data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(data), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def rich(data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that a run may find: usefulness, subgroups, referral, gaze."""
    path = tmp_path_factory.mktemp("rich") / "report.html"
    path.write_text(render_report(enriched(data)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight classes with long names, a phantom."""
    path = tmp_path_factory.mktemp("wide") / "report.html"
    made = synthetic_report(n_classes=8, n_cases=200, n_gallery=1, is_phantom=True, cohort_name="a" * 70)
    path.write_text(render_report(made), encoding="utf-8")
    return path


@pytest.mark.parametrize("which", ["report", "wide", "rich"])
def test_it_opens_without_a_complaint_or_a_request(
    browser: Chromium, which: str, request: pytest.FixtureRequest
) -> None:
    page = request.getfixturevalue(which)
    browser.open(page)
    browser.evaluate("new Promise(done => setTimeout(done, 300))")
    assert browser.complaints() == []
    asked = browser.requests()
    assert page.as_uri() in asked
    assert [url for url in asked if url != page.as_uri() and not url.startswith("data:")] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_the_pack_are_as_quiet_and_as_readable(
    browser: Chromium, packed: Path, tmp_path: Path, scheme: str
) -> None:
    folder = lay_out(open_bundle(packed), tmp_path / "pack").parent
    for name in ("index.html", "stard_ai.html", "trace.html", "data_sheet.html"):
        browser.open(folder / name, width_px=360, height_px=740, scheme=scheme)
        assert browser.complaints() == []
        assert browser.requests() == [(folder / name).as_uri()]
        assert browser.evaluate("document.documentElement.scrollWidth") == 360
        assert browser.evaluate(CONTRAST)["low"] == []


def test_a_page_that_complains_and_asks_is_noticed(browser: Chromium, tmp_path: Path) -> None:
    """Else the test above could not fail."""
    page = tmp_path / "bad.html"
    page.write_text('<!doctype html><img src="http://127.0.0.1:9/x.png"><script>console.error("no")</script>')
    browser.open(page)
    assert any("no" in complaint for complaint in browser.complaints())
    assert "http://127.0.0.1:9/x.png" in browser.requests()


@pytest.mark.parametrize("which", ["report", "wide", "rich"])
def test_a_phone_shows_it_without_scrolling_sideways(
    browser: Chromium, which: str, request: pytest.FixtureRequest
) -> None:
    browser.open(request.getfixturevalue(which), width_px=360, height_px=740)
    assert browser.evaluate("document.documentElement.scrollWidth") == 360
    assert browser.evaluate(
        "[...document.querySelectorAll('p, li')].every(e => parseFloat(getComputedStyle(e).fontSize) > 12)"
    )


@pytest.mark.parametrize("which", ["report", "wide", "rich"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(
    browser: Chromium, which: str, scheme: str, request: pytest.FixtureRequest
) -> None:
    """At least 4.5 to 1, large text 3 to 1: WCAG 2.2, success criterion 1.4.3."""
    browser.open(request.getfixturevalue(which), scheme=scheme)
    found: dict[str, Any] = browser.evaluate(CONTRAST)
    assert found["n"] > 300
    assert found["low"] == []


def test_a_pale_text_is_noticed(browser: Chromium, tmp_path: Path) -> None:
    """Else the test above could not fail."""
    page = tmp_path / "pale.html"
    page.write_text('<!doctype html><div style="background:#fff"><p style="color:#888">pale</p><p>dark</p></div>')
    browser.open(page)
    assert browser.evaluate(CONTRAST) == {"n": 2, "low": [["pale", "3.54"]]}


def test_light_and_dark_differ(browser: Chromium, report: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        browser.open(report, scheme=scheme)
        grounds.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]


def test_the_summary_is_one_screen(browser: Chromium, report: Path) -> None:
    browser.open(report, width_px=1280, height_px=900)
    assert browser.evaluate("document.querySelector('.plain').getBoundingClientRect().bottom") <= 900


def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser: Chromium, report: Path) -> None:
    browser.open(report)
    reachable = browser.evaluate("document.querySelectorAll('a[href], [tabindex=\"0\"], summary').length")
    stops = []
    for _ in range(reachable):
        browser.press("Tab")
        stops.append(browser.evaluate(FOCUSED))
    assert stops[0]["text"] == "Skip to the comparison"
    assert stops[0]["left"] >= 0, "the skip link comes into view"
    assert [stop for stop in stops if not stop["outline"] or stop["tag"] == "BODY"] == []
    assert "ROC curve as CSV" in {stop["text"] for stop in stops}


def test_the_skip_link_leads_to_the_comparison(browser: Chromium, report: Path) -> None:
    browser.open(report)
    browser.press("Tab")
    browser.press("Enter")
    browser.evaluate("new Promise(done => setTimeout(done, 700))")
    assert browser.evaluate("location.hash") == "#comparison"
    assert abs(browser.evaluate("document.getElementById('comparison').getBoundingClientRect().top")) < 60


def test_what_is_read_aloud_has_a_name(browser: Chromium, report: Path) -> None:
    browser.open(report)
    browser.ask("Accessibility.enable")
    nodes = browser.ask("Accessibility.getFullAXTree")["nodes"]
    roles = ("image", "img", "link", "table", "navigation", "region", "heading")
    named = [
        (n["role"]["value"], n.get("name", {}).get("value")) for n in nodes if n.get("role", {}).get("value") in roles
    ]
    assert {role for role, _ in named} >= {"image", "link", "table", "navigation", "region", "heading"}
    assert [role for role, name in named if not name] == []


def test_a_figure_is_saved_as_its_numbers_and_its_drawing(
    browser: Chromium, report: Path, data: ReportData, tmp_path: Path
) -> None:
    figure = report_figures(data)[0]
    browser.open(report)
    browser.ask("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    for kind, text in (("csv", csv_text(figure.table)), ("svg", standalone_svg(figure.svg))):
        browser.evaluate(f"(document.querySelector('a[download=\"roc.{kind}\"]').click(), 0)")
        saved = tmp_path / f"roc.{kind}"
        for _ in range(50):
            if saved.is_file():
                break
            browser.evaluate("new Promise(done => setTimeout(done, 100))")
        assert saved.read_text(encoding="utf-8") == text
    browser.open(tmp_path / "roc.svg")
    assert browser.complaints() == []
    assert browser.evaluate("document.documentElement.tagName") == "svg"


def test_it_prints_section_by_section(browser: Chromium, report: Path) -> None:
    browser.open(report)
    printed = browser.pdf()
    assert printed.startswith(b"%PDF")
    assert 5 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 20
