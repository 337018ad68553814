"""optimize → verify → predict → profile → show, through the command line, on the phantom."""

import csv
import json
import subprocess
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.bundle.opening import open_bundle
from bedside.data.phantom import Phantom
from bedside.serve.predicting import Predictor

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

Cli = Callable[..., subprocess.CompletedProcess[str]]


def test_the_bundle_holds_what_is_promised(phantom_bundle: Path) -> None:
    bundle = open_bundle(phantom_bundle)
    names = {model.artifact.name for model in bundle.manifest.models}
    formats = ("litert", "executorch", "onnx")
    assert names == {f"{format_} {precision}" for format_ in formats for precision in ("fp32", "int8")}
    assert bundle.manifest.models[0].artifact.name == "litert int8"
    assert bundle.manifest.models[0].artifact.size_kib <= 300
    assert bundle.manifest.is_phantom
    assert phantom_bundle.with_name("bundle.bedside").is_file()
    for name in (
        "report.html",
        "report.json",
        "pack/claim.md",
        "pack/sbom.cdx.json",
        "pack/trace.md",
        "model_card.md",
        "evidence/evidence.json",
        "evidence/parity.json",
        "evidence/lineage.json",
    ):
        assert name in bundle.manifest.files


def test_the_model_has_learned_and_is_compared(phantom_bundle: Path) -> None:
    evidence = json.loads((phantom_bundle / "evidence" / "evidence.json").read_text())
    assert evidence["shipped"]["auroc"]["value"] > 0.9
    assert evidence["shipped"]["auroc"]["low"] < evidence["shipped"]["auroc"]["value"]
    assert evidence["non_inferiority"]["verdict"] in ("PASS", "FAIL", "INCONCLUSIVE")
    assert evidence["n_cases"] == 140
    assert evidence["n_patients"] == 70
    parity = json.loads((phantom_bundle / "evidence" / "parity.json").read_text())
    assert set(parity) == {"litert", "executorch", "onnx"}
    for report in parity.values():
        assert [stage["broken_by"] for stage in report["stages"]] == [""] * len(report["stages"])
        assert report["chain"][:2] == ["eager", "exported"]


def test_every_number_says_measured_or_modelled(phantom_bundle: Path) -> None:
    profiles = json.loads((phantom_bundle / "evidence" / "profile.json").read_text())
    for profile in profiles.values():
        quantities = [value for value in profile.values() if isinstance(value, dict)]
        assert len(quantities) == 5
        assert all(quantity["origin"] in ("measured", "modelled") and quantity["how"] for quantity in quantities)


def test_the_lineage_names_every_stop(phantom_bundle: Path) -> None:
    lineage = json.loads((phantom_bundle / "evidence" / "lineage.json").read_text())
    stops = [stamp["stop"] for stamp in lineage["stamps"]]
    assert stops == [
        "cohort", "split", "reference", "candidate", "compress", "export", "parity", "selection", "evidence"
    ]  # fmt: skip
    known = {stamp["digest"] for stamp in lineage["stamps"]}
    assert all(parent in known for stamp in lineage["stamps"] for parent in stamp["parents"])


def test_verify_replays_the_golden_inputs(cli: Cli, phantom_bundle: Path) -> None:
    for path in (phantom_bundle, phantom_bundle.with_name("bundle.bedside")):
        done = cli("verify", path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("golden outputs") == 6


def test_predict_table_json_csv_agree(cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
    phantom = Phantom(size_px=32)
    files = []
    for i in range(900, 912):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(phantom.image(i, has_lesion=bool(i % 2))).save(files[-1])
    as_json = json.loads(cli("predict", phantom_bundle, *files, "--as", "json").stdout)
    as_csv = list(csv.DictReader(StringIO(cli("predict", phantom_bundle, *files, "--as", "csv").stdout)))
    as_table = cli("predict", phantom_bundle, *files).stdout
    assert [row["called"] for row in as_json] == [row["called"] for row in as_csv]
    right = [row["is_positive"] == bool(i % 2) for i, row in zip(range(900, 912), as_json, strict=True)]
    assert sum(right) >= 9
    assert all(row["file"] in as_table for row in as_json)
    assert all(abs(sum(row["probabilities"].values()) - 1) < 1e-9 for row in as_json)


def test_formats_agree_on_new_images(phantom_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.jpg"
    Image.fromarray(Phantom(size_px=90).image(7, has_lesion=True)).save(path, quality=95)
    found = {
        (format_, precision): Predictor.load(phantom_bundle, format_=format_, precision=precision).predict([path])[0]
        for format_ in ("litert", "executorch", "onnx")
        for precision in ("fp32", "int8")
    }
    exact = [np.array(found[format_, "fp32"].probabilities) for format_ in ("litert", "executorch", "onnx")]
    np.testing.assert_allclose(exact[1], exact[0], atol=1e-3)
    np.testing.assert_allclose(exact[2], exact[0], atol=1e-3)


def test_profile_and_show(cli: Cli, phantom_bundle: Path) -> None:
    done = cli("profile", phantom_bundle, "--runs", "50")
    assert done.returncode == 0, done.stderr
    assert "latency p90" in done.stdout
    assert "measured" in done.stdout
    done = cli("show", phantom_bundle)
    assert done.returncode == 0, done.stderr
    assert "Intended use" in done.stdout
    assert "Simulated data" in done.stdout


def test_the_report_and_the_pack_are_read(cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
    done = cli("report", phantom_bundle)
    assert done.returncode == 0, done.stderr
    assert "non-inferiority" in done.stdout
    numbers = json.loads(cli("report", phantom_bundle, "--json").stdout)
    assert numbers["cohort"]["parts"]["test"] == numbers["evidence"]["n_cases"] == 140
    assert numbers["cohort"]["part_units"]["test"] == 70
    done = cli("report", phantom_bundle, "--pack", tmp_path / "pack")
    assert done.returncode == 0, done.stderr
    assert "TO DO (owner)" in (tmp_path / "pack" / "stard_ai.html").read_text()
    bill = json.loads((tmp_path / "pack" / "sbom.cdx.json").read_text())
    assert {"numpy", "onnxruntime", "executorch"} <= {part["name"] for part in bill["components"]}


def test_running_again_does_nothing_twice(cli: Cli, phantom_bundle: Path) -> None:
    before = open_bundle(phantom_bundle).manifest.content_digest
    done = cli(
        "optimize", "phantom:ultrasound", "--out", phantom_bundle, "--preset", "quick", "--reference", "residual",
        "--threads", 1, "--size-kib", 300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for stop in ("cohort", "reference", "teacher", "model", "artifact", "parity", "profile", "evidence"):
        assert f"{stop}: found in the journal" in done.stdout
    assert open_bundle(phantom_bundle).manifest.content_digest == before


def test_the_trial_table_is_left_beside_the_bundle(phantom_bundle: Path) -> None:
    rows = list(csv.DictReader((phantom_bundle.with_name("bundle.work") / "trials.csv").open()))
    assert {row["may_ship"] for row in rows} == {"yes", "no"}
    assert any("on paper" in row["reason"] for row in rows)
    assert any("over budget" in row["reason"] for row in rows)
