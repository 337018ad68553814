"""``bedside robustness`` and ``bedside explain`` on bundles of volumes, outlines and classes, at the bedside."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the files are made in the workshop")

from sealed_volumes import Bright, Filled, sealed

from bedside.base.jsonform import from_json
from bedside.base.task import Task
from bedside.data.corrupting_volumes import corrupt_volumes
from bedside.data.phantom_volume import CLASSES
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images
from bedside.data.targets import targets_of
from bedside.serve.explaining import explain
from bedside.serve.predicting import Predictor
from bedside.verify.metrics import auroc
from bedside.verify.robustness import Robustness
from bedside.verify.volume_robustness import VolumeRobustness

pytestmark = pytest.mark.workshop
Cli = Callable[..., subprocess.CompletedProcess[str]]
OUTLINED = Preprocess(n_channels=1, depth_px=16, height_px=24, width_px=16)
CLASSED = Preprocess(n_channels=1, depth_px=28, height_px=28, width_px=28)
FEW = "phantom:volume"
MIDDLE = -0.9


@pytest.fixture(scope="module")
def outliner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    task = Task(classes=CLASSES, kind="segmentation")
    return sealed(tmp_path_factory.mktemp("outlined"), "organ", Bright(), task, OUTLINED)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    task = Task(classes=("normal", "hyperplasia"))
    return sealed(tmp_path_factory.mktemp("classed"), "adrenal", Filled(MIDDLE), task, CLASSED)


def test_outlines_of_spoilt_volumes(outliner: Path, cli: Cli, tmp_path: Path) -> None:
    out, plot = tmp_path / "figures.json", tmp_path / "charts.html"
    done = cli(
        "robustness", outliner, "--data", FEW, "--option", "n=12", "--severity", "1,5", "--out", out, "--plot", plot
    )
    assert done.returncode == 0, done.stderr
    for word in ("12 volumes", "missing slices", "bias field", "mean Dice loss, shipped", "lost by compression"):
        assert word in done.stdout, word
    found = from_json(VolumeRobustness, json.dumps(json.loads(out.read_text())["robustness"]).encode())
    cohort = load_cohort(FEW, n="12")
    volumes = stack_images(cohort.cases, OUTLINED)
    truth = targets_of(cohort.cases, cohort.task, OUTLINED)
    greys = np.array([0.25, 0.75, 0.55]) * 255
    row = next(r for r in found.results if (r.corruption, r.severity) == ("noise", 5))
    for dice, stack in (
        (found.clean_shipped, volumes), (row.shipped_dice, corrupt_volumes(volumes, "noise", 5, seed=0)),
    ):  # fmt: skip
        called = np.abs(stack[:, 0, ..., None] - greys).argmin(-1)
        by_hand = [
            np.mean([2 * ((c == k) & (t == k)).sum() / ((c == k).sum() + (t == k).sum()) for k in (1, 2)])
            for c, t in zip(called, truth, strict=True)
        ]
        assert dice.value == pytest.approx(np.mean(by_hand), abs=2e-3)
        assert dice.low < dice.value < dice.high
    assert row.shipped_loss.value > 0.05
    assert (found.n_cases, found.severities) == (12, (1, 5))
    assert plot.read_text().count("<svg") == len(found.suite.names)


def test_classes_of_spoilt_volumes(classifier: Path, cli: Cli, medmnist_here: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = cli("robustness", classifier, "--data", "medmnist:adrenalmnist3d", "--severity", "5", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "298 volumes, the source's test part" in done.stdout
    found = from_json(Robustness, json.dumps(json.loads(out.read_text())["robustness"]).encode())
    assert "bias field" not in found.suite.names, "CT has no coils"
    cases = [case for case in load_cohort("medmnist:adrenalmnist3d").cases if case.part == "test"]
    ill = np.array([case.label == 1 for case in cases])
    volumes = stack_images(cases, CLASSED)
    assert found.clean_shipped.auroc.value == pytest.approx(auroc(ill, volumes.mean(axis=(1, 2, 3, 4))), abs=2e-3)
    row = next(r for r in found.results if r.corruption == "missing slices")
    spoilt = corrupt_volumes(volumes, "missing slices", 5, seed=0)
    assert row.shipped.auroc.value == pytest.approx(auroc(ill, spoilt.mean(axis=(1, 2, 3, 4))), abs=2e-3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--attack", "square"), "no attack is made on volumes"),
        (("--white-box",), "no attack is made on volumes"),
        (("--severity", "6"), "severity of 6"),
        (("--data", "phantom:ultrasound"), "a task of segmentation"),
    ],
)
def test_what_has_no_counterpart_is_refused(outliner: Path, cli: Cli, words: tuple[str, ...], said: str) -> None:
    done = cli("robustness", outliner, "--data", FEW, "--option", "n=12", *words)
    assert done.returncode == 10, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_map_of_a_volume_in_its_central_planes(classifier: Path, cli: Cli, tmp_path: Path) -> None:
    volume = np.zeros((28, 28, 28), np.uint8)
    volume[12:24, 3:15, 14:25] = 255
    volume[0, 0, 0] = volume[-1, -1, -1] = 40
    file = tmp_path / "gland.npy"
    np.save(file, volume)
    done = cli("explain", classifier, file, "--out", tmp_path / "maps")
    assert done.returncode == 0, done.stderr
    assert "hottest at plane 1" in done.stdout
    assert {path.name for path in (tmp_path / "maps").iterdir()} == {"gland.png", "index.html"}
    with Image.open(tmp_path / "maps" / "gland.png") as picture:
        assert picture.width == 3 * picture.height, "three planes side by side"
    found = explain(Predictor.load(classifier), file)
    assert found.heat.shape == volume.shape
    assert found.hottest is not None
    assert found.mapped == "hyperplasia"
    assert volume[found.hottest] == 255
    image, heat = found.pictured()
    assert image.shape == (1, *heat.shape) == (1, 28, 84)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scan.npy", "--method", "rise"), "rise is made for single images"),
        (("scan.npy", "--method", "cam"), "cam is made for single images"),
        (("--data", "phantom:ultrasound"), "made for single images"),
    ],
)
def test_maps_that_volumes_have_not_are_refused(classifier: Path, cli: Cli, words: tuple[str, ...], said: str) -> None:
    done = cli("explain", classifier, *words)
    assert done.returncode == 10, done.stdout + done.stderr
    assert said in done.stderr


def test_outlines_need_no_map(outliner: Path, cli: Cli) -> None:
    done = cli("explain", outliner, "scan.npy")
    assert done.returncode == 10
    assert "a task of segmentation" in done.stderr
