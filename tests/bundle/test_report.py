import hashlib
import itertools
import json
import re
import subprocess
import sys
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic import synthetic_report, without_positives

from bedside.base.budget import Budget
from bedside.base.errors import ShapeError
from bedside.base.task import Task
from bedside.bundle import sections
from bedside.bundle.case_flow import flow_figure
from bedside.bundle.curves import reliability_bins, roc_band, roc_points
from bedside.bundle.figures import confusion_svg, roc_curve_svg
from bedside.bundle.first_screen import plain_words, red_warnings
from bedside.bundle.pareto import pareto_svg
from bedside.bundle.pictures import gallery_png_uri, overlay_png_uri
from bedside.bundle.report import render_report, summary_rows
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_numbers import report_json
from bedside.bundle.section import Section
from bedside.bundle.wording import three_digits, times, verdict_sentence
from bedside.verify.metrics import auroc

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "link", "img", "br", "hr", "input", "base", "col", "source", "wbr", "area", "embed", "track"}


class Page(HTMLParser):
    """Follows the tags, and keeps what a test asks about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def _note(self, tag: str, attrs: dict[str, str | None]) -> None:
        self.tags.append((tag, attrs))
        self.ids += [value for name, value in attrs.items() if name == "id" and value]
        self.loads += [value for name, value in attrs.items() if name in ("src", "href", "xlink:href") and value]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def binary() -> ReportData:
    return synthetic_report()


@pytest.fixture(scope="module")
def html(binary: ReportData) -> str:
    return render_report(binary)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_is_well_formed(page: Page) -> None:
    assert (page.wrong, page.open) == ([], [])
    names = [tag for tag, _ in page.tags]
    assert [names.count(tag) for tag in ("html", "head", "body", "main", "h1", "title")] == [1] * 6
    assert len(page.ids) == len(set(page.ids))


def test_nothing_is_loaded_from_elsewhere(html: str, page: Page) -> None:
    held = ("#", "data:image/png;base64,", "data:text/csv;charset=utf-8;base64,", "data:image/svg+xml;base64,")
    assert all(load.startswith(held) for load in page.loads)
    assert all(inside.startswith("#") for inside in re.findall(r"url\([\"']?([^)]*)\)", html))
    assert "@import" not in html
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "object", "embed")]


def test_links_within_the_page_lead_somewhere(page: Page) -> None:
    assert {load[1:] for load in page.loads if load.startswith("#")} <= set(page.ids)


def test_pictures_and_figures_have_a_text(page: Page) -> None:
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img")
    figures = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(figures) == 6
    assert all(attrs.get("role") == "img" and attrs.get("aria-label") for attrs in figures)


def test_headings_are_in_order_and_tables_say_what_they_are(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels
    names = [tag for tag, _ in page.tags]
    assert names.count("table") == names.count("caption") > 6
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.tags if tag == "th")
    assert [attrs.get("lang") for tag, attrs in page.tags if tag == "html"] == ["en"]
    labelled = {attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs}
    assert labelled <= set(page.ids)


def test_every_figure_can_be_saved_twice(page: Page) -> None:
    saved = [attrs["download"] for tag, attrs in page.tags if tag == "a" and "download" in attrs]
    names = ("roc", "reliability", "confusion", "trials-by-size", "trials-by-latency", "case-flow")
    assert saved == [f"{name}.{kind}" for name in names for kind in ("csv", "svg")]


def test_the_first_screen_answers_in_plain_words(binary: ReportData, page: Page) -> None:
    for words in plain_words(binary):
        assert words.question in page.text
        assert all(answer in page.text for answer in words.answers)
    found = binary.evidence.shipped.sensitivity
    assert (
        f"it finds about {round(100 * found.value)} ({round(100 * found.low)} to {round(100 * found.high)})"
        in page.text
    )
    assert "Diagnosis, or any decision about a patient" in page.text


def test_swapped_labels_are_flagged_in_red(binary: ReportData) -> None:
    assert red_warnings(binary, ()) == ()
    shipped = binary.evidence.shipped
    low = replace(shipped.auroc, value=0.1, low=0.05, high=0.2)
    swapped = replace(binary, evidence=replace(binary.evidence, shipped=replace(shipped, auroc=low)))
    assert "are the labels swapped?" in Page(render_report(swapped)).text


def test_few_cases_stand_in_red_on_the_first_screen_and_in_the_cohort(binary: ReportData) -> None:
    sentence = 'test part: 7 patients with "ill": sensitivity is known to 59-100 %'
    few = replace(binary, cohort=replace(binary.cohort, few=(sentence,)))
    made = sections.sections_of(few)
    page = Page(render_report(few, made))
    assert (page.wrong, page.open) == ([], [])
    assert f"Few cases, {sentence}." in page.text[: page.text.index("Preset")]
    assert page.text.count(sentence) == 2
    assert json.loads(report_json(few, made))["cohort"]["few"] == [sentence]
    assert "few" not in json.loads(report_json(binary, sections.sections_of(binary)))["cohort"]


def test_a_section_is_one_function_and_one_template(binary: ReportData, monkeypatch: pytest.MonkeyPatch) -> None:
    def extra(data: ReportData) -> Section:
        return Section(
            anchor="extra",
            title=f"Extra <{data.seed}>",
            short="Extra",
            template="section_figures.html.j2",
            figures=(flow_figure(data),),
            numbers={"auroc": data.evidence.shipped.auroc},
            warnings=("Beware of <this>",),
        )

    monkeypatch.setattr(sections, "SECTIONS", (*sections.SECTIONS[-1:], extra, lambda data: None))
    made = sections.sections_of(binary)
    assert [section.anchor for section in made] == ["lineage", "extra"]
    page = Page(render_report(binary, made))
    assert (page.wrong, page.open) == ([], [])
    assert "extra" in page.ids
    assert "#extra" in page.loads
    assert "Extra <0>" in page.text
    assert "Beware of <this>" in page.text[: page.text.index("Preset")]
    assert json.loads(report_json(binary, made))["sections"]["extra"]["auroc"]["n_patients"] == 150


def test_ten_thousand_cases_stay_below_five_mebibytes() -> None:
    """Only what grows with the cases is replaced: labels and probabilities."""
    rng, small = np.random.default_rng(5), synthetic_report(n_classes=8, n_cases=60, n_gallery=6)
    labels, some = rng.integers(8, size=10_000), rng.dirichlet(np.ones(8), size=10_000)
    other = rng.dirichlet(np.ones(8), size=10_000)
    big = replace(small, labels=labels, shipped_probabilities=some, reference_probabilities=other)
    assert len(render_report(big).encode()) < 5 * 1024**2


def test_the_same_value_gives_the_same_bytes(binary: ReportData, html: str) -> None:
    assert render_report(binary) == html


def test_the_same_bytes_in_another_process(html: str) -> None:
    program = (
        "import hashlib; from synthetic import synthetic_report; "
        "from bedside.bundle.report import render_report; "
        "print(hashlib.sha256(render_report(synthetic_report()).encode()).hexdigest())"
    )
    root = Path(__file__).parent
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == hashlib.sha256(html.encode()).hexdigest()


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    data = synthetic_report(cohort_name=HOSTILE)
    data = replace(
        data,
        task=Task(classes=("$\\frac{1}{", f"]]>&{HOSTILE}"), positive=1),
        cohort=replace(data.cohort, licence=HOSTILE),
        gallery=tuple(replace(item, truth=f'" onerror="{HOSTILE}') for item in data.gallery),
        dropped_on_paper={HOSTILE: HOSTILE},
    )
    page = Page(render_report(data))
    assert (page.wrong, page.open) == ([], [])
    assert not [tag for tag, attrs in page.tags if tag == "script" or "onerror" in attrs]
    assert HOSTILE in page.text


@pytest.mark.parametrize(("leaks", "policy", "red", "amber"), [
    (0, "stop", False, False), (0, "allow", False, False), (3, "allow", True, False), (3, "drop", False, True),
])  # fmt: skip
def test_the_red_banner_stands_only_if_leaks_were_allowed(leaks: int, policy: str, red: bool, amber: bool) -> None:
    data = synthetic_report(leaks=leaks, policy=policy, n_cases=80, n_gallery=1)  # type: ignore[arg-type]
    page = Page(render_report(data))
    assert ("leaks" in page.ids, "dropped" in page.ids) == (red, amber)


def test_the_red_banner_lists_twenty_leaks_and_counts_the_rest() -> None:
    text = Page(render_report(synthetic_report(leaks=25, policy="allow", n_cases=80, n_gallery=1))).text
    assert "25 pairs of cases" in text
    assert "train/0019" in text
    assert "train/0020" not in text
    assert "and 5 more" in text


def test_a_phantom_is_called_one(page: Page) -> None:
    assert "phantom" not in page.ids
    phantom = Page(render_report(synthetic_report(is_phantom=True, n_cases=80, n_gallery=1)))
    assert "phantom" in phantom.ids
    assert "No patient was imaged" in phantom.text


def test_a_budget_is_noted_only_where_there_is_one(page: Page) -> None:
    assert "budget" in page.ids
    assert "budget" not in Page(render_report(synthetic_report(budget=Budget(), n_cases=80, n_gallery=1))).ids


def test_every_trial_is_listed_with_its_fate(binary: ReportData, page: Page) -> None:
    rows = page.text[page.text.index("Chosen on the tuning part") : page.text.index("Costs are measured unless")]
    assert all(trial.name in rows for trial in binary.trials)
    assert all(why.removeprefix("may ship; ") in rows for why in binary.choice.refused.values())
    assert all(f"{name} {why}" in page.text for name, why in binary.dropped_on_paper.items())


def test_every_stage_of_every_format_is_listed(binary: ReportData, page: Page) -> None:
    for name, report in binary.parity_of_format.items():
        assert f"{name} fp32" in page.text
        assert page.text.count(report.end_to_end.stage) >= len(binary.parity_of_format)


def test_a_broken_stage_says_why(binary: ReportData) -> None:
    broken = next(trial.parity for trial in binary.trials if not trial.parity.passed)
    text = Page(render_report(replace(binary, parity_of_format={"litert": broken}))).text
    assert "broken" in text
    assert broken.stages[-1].broken_by in text


def test_the_lineage_carries_whole_digests(binary: ReportData, page: Page) -> None:
    assert all(stamp.digest in page.text for stamp in binary.lineage)
    assert all(f"{name} {version}" in page.text for name, version in binary.versions.items())


def test_the_first_screen_says_what_it_is_for(page: Page) -> None:
    top = page.text[: page.text.index("Reference and shipped model")]
    assert "Research use only. Not for diagnosis." in top
    assert any(verdict in top for verdict in ("PASS", "FAIL", "INCONCLUSIVE"))


def test_what_the_data_cannot_give_is_not_made_up(binary: ReportData) -> None:
    text = Page(render_report(without_positives(binary))).text
    assert text.count("not estimable") > 6
    assert "nan" not in text.lower().split()
    assert "INCONCLUSIVE" in text


@pytest.mark.parametrize("n_classes", [3, 8])
def test_many_classes(n_classes: int) -> None:
    data = synthetic_report(n_classes=n_classes, n_cases=200, n_gallery=1)
    page = Page(render_report(data))
    assert (page.wrong, page.open) == ([], [])
    assert "AUROC (macro)" in page.text
    assert f"each of {n_classes} classes" in page.text


def test_no_gallery_and_no_dropped_candidates(binary: ReportData) -> None:
    page = Page(render_report(replace(binary, gallery=(), dropped_on_paper={})))
    assert "No case was pictured" in page.text
    assert "Dropped on paper" not in page.text


def test_summary_rows_carry_intervals_and_origins(binary: ReportData) -> None:
    rows = summary_rows(binary)
    assert [len(row) for row in rows] == [3] * 7
    assert all("[" in shipped for _, _, shipped in rows[:3])
    assert all("(measured)" in shipped or "(modelled)" in shipped for _, _, shipped in rows[3:])


def test_more_than_ten_classes_draw_ten_curves() -> None:
    rng = np.random.default_rng(0)
    task = Task(classes=tuple(f"class {k}" for k in range(14)), positive=13)
    labels = rng.integers(14, size=300)
    probabilities = rng.dirichlet(np.ones(14), size=300)
    svg = roc_curve_svg(task, labels, probabilities, probabilities)
    shown = set(re.findall(r"class \d+", svg[svg.index(">") :]))
    assert len(shown) == 10
    assert "class 13" in shown
    table = tuple(tuple(row) for row in np.eye(14, dtype=int).tolist())
    assert confusion_svg(task, table).count(">1<") == 14


def test_the_area_under_the_points_is_the_auroc() -> None:
    rng = np.random.default_rng(1)
    positive, score = rng.random(200) < 0.4, np.round(rng.random(200), 1)
    fpr, tpr = roc_points(positive, score)
    assert np.trapezoid(tpr, fpr) == pytest.approx(auroc(positive, score))


def test_the_band_is_ordered_and_spans_the_square() -> None:
    rng = np.random.default_rng(2)
    positive = rng.random(120) < 0.5
    band = roc_band(positive, positive + rng.normal(0, 1, 120), seed=3, n_draws=100)
    assert (band.low <= band.high).all()
    assert (np.diff(band.high) >= 0).all()
    assert band.high[-1] == 1


def test_bins_hold_equal_mass() -> None:
    rng = np.random.default_rng(4)
    bins = reliability_bins(rng.random(95) < 0.5, rng.random(95))
    assert {b.observed.n_patients for b in bins} == {9, 10}
    assert [b.promised_prob for b in bins] == sorted(b.promised_prob for b in bins)


def test_a_reference_without_a_tuning_score_has_no_star(binary: ReportData) -> None:
    svg = pareto_svg(binary.trials, binary.choice.name, binary.budget, binary.reference_profile, cost="size")
    assert "reference" not in svg[svg.index(">") :]


def test_pictures_are_pngs_of_the_asked_size() -> None:
    gray, color = np.zeros((1, 28, 28), np.uint8), np.full((3, 300, 200), 7, np.uint8)
    uris = [gallery_png_uri(gray), overlay_png_uri(gray, np.full((28, 28), np.nan)), gallery_png_uri(color)]
    sizes = [Image.open(BytesIO(b64decode(uri.partition(",")[2]))).size for uri in uris]
    assert sizes == [(112, 112), (112, 112), (149, 224)]
    assert uris[0] == uris[1]
    with pytest.raises(ShapeError):
        overlay_png_uri(gray, np.zeros((3, 3)))


@pytest.mark.parametrize(("value", "text"), [
    (0.0, "0"), (43700.5, "43,700"), (999.6, "1,000"), (9.996, "10.0"), (0.00512, "0.00512"), (float("nan"), "unknown"),
])  # fmt: skip
def test_costs_have_three_digits(value: float, text: str) -> None:
    assert three_digits(value) == text


def test_comparisons_in_words() -> None:
    words = {"less": "faster", "more": "slower"}
    assert times(30, 10, **words) == "3.0 × faster"
    assert times(10, 30, **words) == "3.0 × slower"
    assert times(10, 10.2, **words) == "about the same"
    assert times(float("nan"), 1, **words) == ""


def test_each_verdict_has_its_sentence(binary: ReportData) -> None:
    judged = binary.evidence.non_inferiority
    said = {verdict_sentence(replace(judged, verdict=v), "resnet18") for v in ("PASS", "FAIL", "INCONCLUSIVE")}  # type: ignore[arg-type]
    assert len(said) == 3
    undecided = replace(judged, verdict="INCONCLUSIVE", n_patients_needed=1234)
    assert "About 1,234 patients" in verdict_sentence(undecided, "resnet18")


def test_importing_the_report_needs_neither_matplotlib_nor_jinja2_nor_torch() -> None:
    strangers = ("torch", "matplotlib", "jinja2")
    program = f"import sys, bedside.bundle.report; print([m for m in {strangers} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
