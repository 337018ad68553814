"""A cohort with boxes becomes a bundle that detects: the whole hall, then the bedside, in small."""

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
from bedside.compress.presets import Preset
from bedside.data.phantom_foci import FociPhantom
from bedside.data.sources import load_cohort
from bedside.serve.predicting import Predictor
from bedside.verify.detecting import iou

pytestmark = [pytest.mark.workshop, pytest.mark.slow]
Cli = Callable[..., subprocess.CompletedProcess[str]]
TINY = Preset(
    name="tiny", reference_images=2400, student_images=1200, max_epochs=(20, 20), n_views=2, n_candidates=1, image_px=64
)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run on the phantom with foci, in one format."""
    pytest.importorskip("torch", reason="the main job needs the workshop extra")
    from bedside.base.budget import Budget
    from bedside.pipeline import optimize

    out = tmp_path_factory.mktemp("boxes") / "foci"
    cohort = load_cohort("phantom:detection", n="120")
    optimize(cohort, Budget(size_kib=1200), out=out, preset=TINY, formats=("litert",), key=out.with_name("key.pem"))
    return out


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Phantoms that no part of the run has seen."""
    folder, phantom = tmp_path_factory.mktemp("scans"), FociPhantom()
    for i in range(1000, 1008):
        Image.fromarray(phantom.image(i)[0]).save(folder / f"scan{i}.png")
    return sorted(folder.glob("*.png"))


def truth(scan: Path) -> np.ndarray:
    boxes = FociPhantom().image(int(scan.stem.removeprefix("scan")))[1]
    return np.array([box.row()[1:] for box in boxes]).reshape(-1, 4)


def test_the_bundle_says_how_well_it_detects(detector: Path) -> None:
    evidence = json.loads((detector / "evidence" / "evidence.json").read_text())
    assert evidence["primary"] == "ap50"
    assert evidence["shipped"]["values"]["ap50"]["value"] > 0.6
    assert evidence["flips_of"] == "detections"
    assert open_bundle(detector).manifest.task.kind == "detection"
    page = (detector / "report.html").read_text()
    for words in (
        "Free-response curve",
        "PPV by sensitivity",
        "AP50, long focus",
        "Where it is good",
        "IoU of at least",
    ):
        assert words in page, words


def test_the_bundle_verifies(cli: Cli, detector: Path) -> None:
    done = cli("verify", detector)
    assert done.returncode == 0, done.stdout + done.stderr


def test_boxes_lie_on_the_objects_of_the_images_that_were_handed_in(
    cli: Cli, detector: Path, scans: list[Path]
) -> None:
    done = cli("predict", detector, *scans, "--as", "csv")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = list(csv.DictReader(StringIO(done.stdout)))
    assert {row["file"] for row in rows} == set(map(str, scans))
    hits = n_boxes = 0
    for scan in scans:
        corners = [[float(row[c]) for c in ("x0_px", "y0_px", "x1_px", "y1_px")] for row in rows
                   if row["file"] == str(scan) and row["object"]]  # fmt: skip
        overlaps = iou(np.array(corners).reshape(-1, 4), truth(scan))
        hits += int((overlaps.max(axis=1, initial=0) >= 0.5).sum())
        n_boxes += len(corners)
    assert hits > 0.5 * n_boxes > 0


def test_a_sheet_counts_and_measures_boxes_and_leaves_the_referred_blank(
    cli: Cli, detector: Path, scans: list[Path], tmp_path: Path
) -> None:
    Image.fromarray(np.full((48, 64), 255, np.uint8)).save(tmp_path / "white.png")
    (tmp_path / "empty.png").touch()
    with Image.open(scans[1]) as picture:
        picture.save(tmp_path / "spaced.tif", dpi=(254, 254))  # 0.1 mm a pixel
    files = tmp_path / "white.png", tmp_path / "empty.png", *scans, tmp_path / "spaced.tif"
    done = cli("predict", detector, *files, "--as", "csv")
    assert done.returncode == 11
    assert "empty (0 bytes)" in done.stderr
    rows = list(csv.DictReader(StringIO(done.stdout)))
    assert {row["file"] for row in rows} == {str(file) for file in files if file.stem != "empty"}
    for row in rows:
        assert None not in row.values()
        own = [other for other in rows if other["file"] == row["file"] and other["object"]]
        assert row["n_findings"] == ("" if row["refer"] else str(len(own)))
        if row["object"]:
            sides = [float(row[f"{axis}1_px"]) - float(row[f"{axis}0_px"]) for axis in "xy"]
            assert float(row["area_px"]) == pytest.approx(sides[0] * sides[1], abs=1)
            spaced = Path(row["file"]).stem == "spaced"
            assert bool(row["area_mm2"]) == spaced
            if spaced:
                assert float(row["area_mm2"]) == pytest.approx(float(row["area_px"]) / 100, rel=0.01)
    if Predictor.load(detector).gate is not None:
        assert rows[0]["refer"]


def test_json_and_table_name_the_same_boxes(cli: Cli, detector: Path, scans: list[Path]) -> None:
    found = json.loads(cli("predict", detector, *scans, "--as", "json").stdout)
    lines = cli("predict", detector, *scans).stdout.splitlines()
    n_lines = sum(max(1, len(row["boxes"])) for row in found)
    assert len(lines) == n_lines + 1
    for row in found:
        assert all(box["object"] in ("round focus", "long focus") for box in row["boxes"])
        assert [box["probability"] for box in row["boxes"]] == sorted(
            (box["probability"] for box in row["boxes"]), reverse=True
        )


def test_boxes_of_an_image_twice_as_large_are_twice_as_large(detector: Path, scans: list[Path], tmp_path: Path) -> None:
    for scan in scans:
        Image.open(scan).resize((128, 128)).save(tmp_path / scan.name)
    predictor = Predictor.load(detector, use_gate=False)
    small, large = (predictor.predict(sorted(folder.glob("*.png"))) for folder in (scans[0].parent, tmp_path))
    n_same = n_all = 0
    for one, two in zip(small, large, strict=True):
        corners = [
            np.array([[b.x0_px, b.y0_px, b.x1_px, b.y1_px] for b in found.boxes]).reshape(-1, 4) for found in (one, two)
        ]
        n_same += int((iou(2 * corners[0], corners[1]).max(axis=1, initial=0) >= 0.5).sum())
        n_all += len(corners[0])
    assert n_same >= 0.7 * n_all > 0


def test_what_the_gate_refers_gets_no_boxes(detector: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((48, 64), 255, np.uint8)).save(tmp_path / "white.png")
    predictor = Predictor.load(detector)
    if predictor.gate is None:
        pytest.skip("too few images for a gate")
    found = predictor.predict([tmp_path / "white.png"])[0]
    assert (found.called, found.boxes, found.is_positive) == ("refer", (), None)


def test_questions_about_the_class_of_a_case_are_refused(cli: Cli, detector: Path, scans: list[Path]) -> None:
    done = cli("explain", detector, scans[0])
    assert done.returncode == 10, done.stdout + done.stderr
    assert "answers a task of detection" in done.stderr
