"""``bedside robustness`` on a whole bundle, and what the main job leaves about odd and spoilt images."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bedside.base.jsonform import from_json, read_json
from bedside.bundle.opening import open_bundle
from bedside.verify.outliers import GateEvidence
from bedside.verify.robustness import Robustness
from bedside.verify.shortcuts import ShortcutReport

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

Cli = Callable[..., subprocess.CompletedProcess[str]]


def test_the_main_job_seals_a_gate_and_its_evidence(phantom_bundle: Path) -> None:
    bundle = open_bundle(phantom_bundle)
    gate = bundle.gate()
    assert gate is not None
    assert gate.tuning_refer_frac.value <= 0.06
    evidence = phantom_bundle / "evidence"
    assert read_json(GateEvidence, evidence / "gate.json").kinds["constant"].auroc.value > 0.95
    robustness = read_json(Robustness, evidence / "robustness.json")
    assert robustness.suite.family == "ultrasound"
    assert robustness.n_cases == 140
    assert read_json(ShortcutReport, evidence / "shortcuts.json").flagged == ()


def test_robustness_of_the_sealed_part(cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
    out, plot = tmp_path / "figures.json", tmp_path / "charts.html"
    done = cli(
        "robustness", phantom_bundle, "--data", "phantom:ultrasound", "--severity", "2,5", "--attack", "square",
        "--eps", "4,64", "--queries", 30, "--attack-images", 20, "--out", out, "--plot", plot,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "140 images, the sealed part" in done.stdout
    for word in ("speckle", "probe angle", "upside down", "lost by compression", "square on litert int8"):
        assert word in done.stdout, word
    found = json.loads(out.read_text())
    assert found["content_digest"] == open_bundle(phantom_bundle).manifest.content_digest
    robustness = from_json(Robustness, json.dumps(found["robustness"]).encode())
    assert robustness.severities == (2, 5)
    assert [c["effort"] for c in found["adversarial"]["curves"]] == [10, 30]
    assert plot.read_text().count("<svg") == len(robustness.suite.names) + 2


def test_the_same_seed_gives_the_same_figures(cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{i}.json" for i in range(2)]
    for file in files:
        done = cli("robustness", phantom_bundle, "--data", "phantom:ultrasound", "--severity", "3", "--out", file)
        assert done.returncode == 0, done.stderr
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--severity", "6"), 10, "severity of 6"),
        (("--severity", "mild"), 10, "whole numbers"),
        (("--attack", "magic"), 10, "square"),
        (("--attack", "square", "--eps", "0"), 10, "grey levels"),
        (("--modality", "smell"), 10, "modality"),
    ],
)
def test_bad_options_are_refused(cli: Cli, phantom_bundle: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = cli("robustness", phantom_bundle, "--data", "phantom:ultrasound", *words)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_data_with_other_classes_is_refused(cli: Cli, phantom_bundle: Path, medmnist_here: Path) -> None:
    done = cli("robustness", phantom_bundle, "--data", "medmnist:pneumoniamnist")
    assert done.returncode == 10
    assert "does not know" in done.stderr


def test_white_box_attacks_rebuild_the_float_network(cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("art", reason="white-box attacks need the extra attack")
    out, plot = tmp_path / "figures.json", tmp_path / "charts.html"
    work = phantom_bundle.with_name(f"{phantom_bundle.name}.work")
    done = cli(
        "robustness", work, "--data", "phantom:ultrasound", "--severity", "3", "--white-box", "--eps", "8", "--queries",
        20, "--attack-images", 12, "--out", out, "--plot", plot,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "autoattack" in done.stdout
    curves = json.loads(out.read_text())["adversarial"]["curves"]
    assert {(c["attack"], c["access"]) for c in curves} == {
        ("fgsm", "white-box"), ("pgd", "white-box"), ("autoattack", "white-box"), ("pgd", "transfer"),
        ("square", "black-box"),
    }  # fmt: skip
    assert all(c["points"][-1]["eps_levels"] == 128 for c in curves), "the size of the sanity check is added"
    assert "autoattack, 50 steps: float network" in plot.read_text()


def test_without_the_work_folder_white_box_says_what_to_do(cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
    import shutil

    alone = shutil.copytree(phantom_bundle, tmp_path / "alone")
    done = cli("robustness", alone, "--data", "phantom:ultrasound", "--white-box")
    assert done.returncode == 10
    assert "alone.work" in done.stderr
    assert "--attack square" in done.stderr
