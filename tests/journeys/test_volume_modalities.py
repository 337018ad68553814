"""Volumes of two modalities in slices of 5 mm become a bundle that takes such files, and no others: in small."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bedside.base.errors import ImageError
from bedside.bundle.opening import open_bundle
from bedside.compress.presets import Preset
from bedside.data.modalities import Modalities
from bedside.data.phantom_volume import CLASSES, VolumePhantom
from bedside.data.sources import load_cohort
from bedside.data.volume_targets import own_label_map
from bedside.serve.predicting import Predictor
from bedside.verify.segment_figures import figures_of

nibabel = pytest.importorskip("nibabel", reason="pip install 'bedside[nifti]'")

pytestmark = [pytest.mark.workshop, pytest.mark.slow]
Cli = Callable[..., subprocess.CompletedProcess[str]]
TINY = Preset(
    name="tiny", reference_images=1400, student_images=1400, max_epochs=(30, 30), n_views=2, n_candidates=1, image_px=16
)
THICK = np.diag([1.0, 1.0, 5.0, 1.0])
SLICES = (16, 24, 16)


def stacked(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Two modalities ``(X, Y, Z, 2)`` in units of their own, the second of which tells the halves apart, and labels."""
    voxels, numbers = VolumePhantom().volume(index)
    noise = np.random.default_rng(index).normal(0, 4, voxels.shape)
    second = np.choose(numbers, (60, 20, 90)) + noise
    both = np.stack([second * 100, voxels * 3.0 - 50], axis=-1)
    return both.transpose(2, 1, 0, 3).astype(np.float32), numbers.transpose(2, 1, 0)


@pytest.fixture(scope="module")
def outliner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run on a task laid out as Prostate is (T2, ADC), with the channels in the other order."""
    pytest.importorskip("torch", reason="the main job needs the workshop extra")
    from bedside.base.budget import Budget
    from bedside.pipeline import optimize

    folder = tmp_path_factory.mktemp("modalities")
    listed = []
    for i in range(40):
        for part, values in zip(("imagesTr", "labelsTr"), stacked(i), strict=True):
            (folder / part).mkdir(exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values, THICK), folder / part / f"{i}.nii.gz")
        listed.append({"image": f"./imagesTr/{i}.nii.gz", "label": f"./labelsTr/{i}.nii.gz"})
    described = {
        "name": "Prostate", "training": listed, "labels": {str(k): name for k, name in enumerate(CLASSES)},
        "modality": {"0": "ADC", "1": "T2"}, "tensorImageSize": "4D",
    }  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(described))
    out = folder / "prostate"
    optimize(
        load_cohort(f"msd:{folder}", modalities="T2,ADC"), Budget(size_kib=400), out=out, preset=TINY,
        formats=("litert",), margin=0.3, key=folder / "key.pem",
    )  # fmt: skip
    return out


def test_the_bundle_says_what_it_takes(outliner: Path) -> None:
    preprocess = open_bundle(outliner).manifest.preprocess
    assert preprocess.spec.shape == (2, *SLICES)
    assert preprocess.spacing_mm == (5.0, 1.0, 1.0)
    assert preprocess.modalities == Modalities(names=("ADC", "T2"), taken=(1, 0))
    evidence = json.loads((outliner / "evidence" / "evidence.json").read_text())
    shipped = {name: found["value"] for name, found in evidence["shipped"]["values"].items()}
    assert shipped["dice"] > 0.7
    assert evidence["metrics"]["hd95"]["unit"] == "mm"
    sizes = evidence["per_case"][f"true size, {CLASSES[1]}, mm³"]
    assert all(size % 5 == pytest.approx(0) for size in sizes)  # a voxel is one of 5 mm³
    report = (outliner / "report.html").read_text()
    assert "data:image/png" in report
    assert "Spoilt volumes" in report
    assert "holds every tuning volume whole" in report


def test_spoilt_volumes_are_measured_for_the_shipped_file(outliner: Path) -> None:
    found = json.loads((outliner / "evidence" / "spoilt_volumes.json").read_text())
    rows = {(row["corruption"], row["severity"]): row for row in found["results"]}
    assert set(found["suite"]["names"]) == {"noise", "blur", "bias field", "thick slices", "missing slices"}
    assert len(rows) == 15
    clean = json.loads((outliner / "evidence" / "evidence.json").read_text())["shipped"]["values"]["dice"]["value"]
    assert found["clean_shipped"]["value"] == pytest.approx(clean)
    for row in rows.values():
        assert row["shipped_loss"]["value"] == pytest.approx(clean - row["shipped_dice"]["value"])
    assert rows["missing slices", 5]["shipped_loss"]["value"] > rows["missing slices", 1]["shipped_loss"]["value"]


def test_golden_volumes_of_two_modalities_are_replayed(outliner: Path, cli: Cli) -> None:
    done = cli("verify", outliner)
    assert done.returncode == 0, done.stderr
    assert "golden outputs" in done.stdout


def test_a_new_file_is_outlined_on_its_own_grid_and_scored_there(outliner: Path, cli: Cli, tmp_path: Path) -> None:
    values, numbers = stacked(77)
    file = tmp_path / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, THICK), file)
    done = cli("predict", outliner, file, "--masks", tmp_path / "maps", "--as", "json")
    assert done.returncode == 0, done.stderr
    ours = nibabel.load(tmp_path / "maps" / "scan.nii.gz")
    np.testing.assert_array_equal(ours.affine, THICK)
    assert ours.shape == numbers.shape
    called = np.asarray(ours.dataobj)
    (row,) = json.loads(done.stdout)
    for k, name in enumerate(CLASSES[1:], start=1):
        assert row["measures"][f"volume of {name}"]["value"] == pytest.approx((called == k).sum() * 5 / 1000, abs=1e-3)
    (case,) = (case for case in load_cohort(f"msd:{outliner.parent}").cases if case.case_id == "0")
    (found,) = Predictor.load(outliner).predict([case.path])  # type: ignore[list-item]
    truth, spacing_mm = own_label_map(case, open_bundle(outliner).manifest.task)
    assert spacing_mm == (5.0, 1.0, 1.0)
    assert found.mask is not None
    figures = figures_of(truth[None], found.mask[None], 3, [spacing_mm])
    assert figures.unit == "mm"
    assert figures.dice.min() > 0.6


def test_a_file_of_another_number_of_modalities_is_refused(outliner: Path, cli: Cli, tmp_path: Path) -> None:
    values, _ = stacked(1)
    for name, wrong in (("one", values[..., 0]), ("three", np.concatenate([values, values[..., :1]], axis=3))):
        file = tmp_path / f"{name}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(wrong), THICK), file)
        with pytest.raises(ImageError, match="holds"):
            Predictor.load(outliner).predict([file])
    done = cli("predict", outliner, tmp_path / "three.nii.gz")
    assert done.returncode == ImageError.exit_code
    assert "holds 3 modalities" in done.stderr
    assert "ADC, T2" in done.stderr
