"""A cohort with masks becomes a bundle that outlines: the whole hall, then the bedside, in small."""

import csv
import json
import subprocess
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from bedside.bundle.opening import open_bundle
from bedside.compress.presets import Preset
from bedside.data.phantom import Phantom
from bedside.data.sources import load_cohort
from bedside.serve.predicting import Predictor

pytestmark = [pytest.mark.workshop, pytest.mark.slow]
Cli = Callable[..., subprocess.CompletedProcess[str]]
TINY = Preset(
    name="tiny", reference_images=2000, student_images=2600, max_epochs=(30, 30), n_views=2, n_candidates=1, image_px=32
)


@pytest.fixture(scope="module")
def outliner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run on the phantom with lesions, in one format."""
    pytest.importorskip("torch", reason="the main job needs the workshop extra")
    from bedside.base.budget import Budget
    from bedside.pipeline import optimize

    out = tmp_path_factory.mktemp("outlines") / "lesions"
    cohort = load_cohort("phantom:ultrasound-lesion", n="204", size_px="32")
    optimize(cohort, Budget(size_kib=600), out=out, preset=TINY, formats=("litert",), key=out.with_name("key.pem"))
    return out


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Phantoms that no part of the run has seen; odd ones have a lesion."""
    folder, phantom = tmp_path_factory.mktemp("scans"), Phantom(size_px=32)
    for i in range(1000, 1008):
        Image.fromarray(phantom.image(i, has_lesion=bool(i % 2))).save(folder / f"scan{i}.png")
    return sorted(folder.glob("*.png"))


def test_the_bundle_says_how_well_it_outlines(outliner: Path) -> None:
    evidence = json.loads((outliner / "evidence" / "evidence.json").read_text())
    assert evidence["primary"] == "dice"
    dice = evidence["shipped"]["values"]["dice"]
    assert dice["low"] < dice["value"] < dice["high"]
    assert dice["value"] > 0.6  # nothing outlined anywhere would be 0.5
    assert evidence["flips_of"] == "pixels"
    assert evidence["flips_frac"]["value"] < 0.02
    assert open_bundle(outliner).manifest.task.kind == "segmentation"
    page = (outliner / "report.html").read_text()
    for words in ("Outlines case by case", "limits of agreement", "Where it is worst"):
        assert words in page


def test_the_bundle_verifies(cli: Cli, outliner: Path) -> None:
    done = cli("verify", outliner)
    assert done.returncode == 0, done.stdout + done.stderr


def test_masks_lie_on_the_images_that_were_handed_in(cli: Cli, outliner: Path, scans: list[Path]) -> None:
    done = cli("predict", outliner, *scans, "--as", "csv", "--masks", scans[0].parent / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = list(csv.DictReader(StringIO(done.stdout)))
    written = sorted((scans[0].parent / "out").iterdir())
    assert {path.stem for path in written} == {Path(row["file"]).stem for row in rows if not row["refer"]}
    assert written, "every image was referred"
    for path in written:
        with Image.open(path) as picture:
            assert picture.size == (32, 32)
            assert set(np.unique(np.asarray(picture))) <= {0, 255}


def test_a_sheet_has_measures_for_every_image_that_is_answered(
    cli: Cli, outliner: Path, scans: list[Path], tmp_path: Path
) -> None:
    Image.fromarray(np.full((48, 64), 255, np.uint8)).save(tmp_path / "white.png")
    (tmp_path / "empty.png").touch()
    with Image.open(scans[1]) as picture:
        picture.save(tmp_path / "spaced.tif", dpi=(254, 254))  # 0.1 mm a pixel
    files = tmp_path / "white.png", tmp_path / "empty.png", scans[1], tmp_path / "spaced.tif"
    done = cli("predict", outliner, *files, "--as", "csv", "--masks", tmp_path / "out")
    assert done.returncode == 11
    assert "empty (0 bytes)" in done.stderr
    rows = {Path(row["file"]).stem: row for row in csv.DictReader(StringIO(done.stdout))}
    assert list(rows) == ["white", scans[1].stem, "spaced"]
    names = [f"{what}_lesion" for what in ("area_px", "area_mm2", "n_findings", "diameter_px", "diameter_mm")]
    for stem, row in rows.items():
        assert None not in row.values()
        if row["refer"]:
            assert [row[name] for name in names] == [""] * 5
            continue
        with Image.open(tmp_path / "out" / f"{stem}.png") as picture:
            mask = np.asarray(picture) > 0
        assert int(row["area_px_lesion"]) == mask.sum()
        assert int(row["n_findings_lesion"]) == ndimage.label(mask, np.ones((3, 3)))[1]  # type: ignore[index]
    known, unknown = rows["spaced"], rows[scans[1].stem]
    if not known["refer"]:
        assert float(known["area_mm2_lesion"]) == pytest.approx(int(known["area_px_lesion"]) / 100, rel=1e-3)
        assert known["area_px_lesion"] == unknown["area_px_lesion"]
    assert unknown["area_mm2_lesion"] == ""
    if Predictor.load(outliner).gate is not None:
        assert rows["white"]["refer"]


def test_what_is_no_outline_gets_no_masks(cli: Cli, outliner: Path, scans: list[Path], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    twin = tmp_path / "a" / scans[0].name
    twin.write_bytes(scans[0].read_bytes())
    done = cli("predict", outliner, scans[0], twin, "--masks", tmp_path / "out")
    assert done.returncode == 10
    assert "would share the mask" in done.stderr
    assert not (tmp_path / "out").exists()


def test_questions_about_the_class_of_a_case_are_refused(cli: Cli, outliner: Path, scans: list[Path]) -> None:
    for words in (("explain", outliner, scans[0]), ("robustness", outliner, "--data", "phantom:ultrasound")):
        done = cli(*words)
        assert done.returncode == 10, done.stdout + done.stderr
        assert "answers a task of segmentation" in done.stderr


def test_the_gate_refers_what_is_no_ultrasound(outliner: Path, scans: list[Path], tmp_path: Path) -> None:
    Image.fromarray(np.full((48, 64), 255, np.uint8)).save(tmp_path / "white.png")
    predictor = Predictor.load(outliner)
    if predictor.gate is None:
        pytest.skip("too few images for a gate")
    odd, *usual = predictor.predict([tmp_path / "white.png", *scans])
    assert (odd.called, odd.mask, odd.is_positive) == ("refer", None, None)
    with Image.open(scans[1]) as picture:
        picture.resize((96, 64)).save(tmp_path / "wide.png")
    wide = Predictor.load(outliner, use_gate=False).predict([tmp_path / "wide.png"])[0]
    assert wide.mask is not None
    assert wide.mask.shape == (64, 96)
    judged = Predictor.load(outliner, use_gate=False).predict([tmp_path / "white.png"])[0]
    assert judged.mask is not None
    assert judged.measures[0][2] == "px"
    assert sum(not found.refer for found in usual) > 0
