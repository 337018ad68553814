"""The pack as a whole: the same each time, without patients, linked to the manifest, readable."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import synthetic_profile

from bedside.base.budget import Budget
from bedside.base.errors import BundleError, InputError, TamperError
from bedside.bundle.opening import open_bundle
from bedside.bundle.pack.change_plan import change_plan_markdown
from bedside.bundle.pack.checklists import TO_DO
from bedside.bundle.pack.data_sheet import data_sheet_markdown
from bedside.bundle.pack.reading import lay_out
from bedside.bundle.pack.writing import CONTENTS, pack_texts
from bedside.bundle.report_data import ReportData
from bedside.verify.parity import EXACT_TOLERANCE_PROB, INT8_TOLERANCE_PROB, MAX_FLIPS_FRAC

for needed in ("jinja2", "matplotlib", "packaging"):
    pytest.importorskip(needed)


@pytest.fixture(scope="module")
def data(packed_data: ReportData) -> ReportData:
    return packed_data


@pytest.fixture(scope="module")
def texts(data: ReportData) -> dict[str, str]:
    return pack_texts(data, name="toy", version="0.0.0")


def test_the_same_value_gives_the_same_bytes(data: ReportData, texts: dict[str, str]) -> None:
    assert pack_texts(data, name="toy", version="0.0.0") == texts
    assert list(texts) == [f"pack/{name}" for name in CONTENTS]


def test_measured_costs_do_not_enter_the_pack(data: ReportData, texts: dict[str, str]) -> None:
    """The content digest of a bundle covers the pack; two equal runs must agree on it."""
    slow = synthetic_profile(size_kib=1.0, latency_ms=987.0)
    other = replace(data, trials=tuple(replace(trial, profile=slow) for trial in data.trials), reference_profile=slow)
    assert pack_texts(other, name="toy", version="0.0.0") == texts


def test_no_case_is_named_or_shown(texts: dict[str, str]) -> None:
    for path, text in texts.items():
        assert not re.search(r"(train|test)/\d{4}", text), path
        assert "data:image" not in text, path


def test_every_file_stands_in_the_signed_manifest(packed: Path, texts: dict[str, str]) -> None:
    assert {*texts, "report.html", "report.json", "model_card.md"} <= set(open_bundle(packed).manifest.files)


def test_a_changed_pack_is_noticed(packed: Path, tmp_path: Path, refuses: Callable) -> None:
    for name in ("pack/sbom.cdx.json", "pack/claim.md", "report.json"):
        copy = Path(shutil.copytree(packed, tmp_path / Path(name).stem))
        (copy / name).write_text((copy / name).read_text() + " ")
        with refuses(TamperError, name):
            open_bundle(copy)


def test_the_data_sheet_counts(data: ReportData) -> None:
    text = data_sheet_markdown(data)
    row = next(line for line in text.splitlines() if line.startswith("| test | "))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["test", *(str(data.cohort.part_classes["test"][n]) for n in data.task.classes), "120", "60"]
    assert "28 x 28 px (200)" in text
    assert "CC BY 4.0" in text
    assert "Simulated data" not in text
    assert "Simulated data" in data_sheet_markdown(replace(data, cohort=replace(data.cohort, is_phantom=True)))


def test_the_change_plan_follows_the_gate(data: ReportData) -> None:
    text = change_plan_markdown(data)
    judged = data.evidence.non_inferiority
    assert f"lies above −{judged.margin:g}" in text
    assert f"moves by more than {EXACT_TOLERANCE_PROB:g} |" in text
    assert f"moves by more than {INT8_TOLERANCE_PROB:g} |" in text
    assert f"at most {100 * MAX_FLIPS_FRAC:.1f} % of calls" in text
    assert "size at most 200 KiB" in text
    wider = replace(data, evidence=replace(data.evidence, non_inferiority=replace(judged, margin=0.07)))
    assert "lies above −0.07" in change_plan_markdown(wider)
    assert "Budget |" not in change_plan_markdown(replace(data, budget=Budget()))
    assert text.index("Description of modifications") < text.index("Modification protocol") < text.index("Impact")
    assert TO_DO in text


def test_intended_use_says_what_it_is_not_for(texts: dict[str, str], data: ReportData) -> None:
    text = texts["pack/intended_use.md"]
    assert "Not for diagnosis" in text
    assert text.count(TO_DO) == 4
    assert "Diagnosis, or any decision about a patient" in text


def test_it_is_laid_out_for_a_browser(packed: Path, tmp_path: Path) -> None:
    index = lay_out(open_bundle(packed), tmp_path / "out")
    page = index.read_text(encoding="utf-8")
    links = re.findall(r'href="([^"]+)"', page)
    assert len(links) == len(CONTENTS) + 3
    assert all((index.parent / link).is_file() for link in links)
    assert all(
        digest in page for name, digest in open_bundle(packed).manifest.files.items() if name.startswith("pack/")
    )
    for made in index.parent.glob("*.html"):
        assert "<script" not in made.read_text(encoding="utf-8"), made.name
    assert json.loads((index.parent / "sbom.cdx.json").read_text())["bomFormat"] == "CycloneDX"
    assert "<table>" in (index.parent / "stard_ai.html").read_text()


def test_a_folder_that_holds_something_is_left_alone(packed: Path, tmp_path: Path, refuses: Callable) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with refuses(InputError, "is there already"):
        lay_out(open_bundle(packed), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_older_bundle_has_no_pack(sealed: Path, tmp_path: Path, refuses: Callable) -> None:
    with refuses(BundleError, "holds no pack"):
        lay_out(open_bundle(sealed), tmp_path / "out")
