"""Labelled volumes become a bundle that outlines in three dimensions: the whole hall, then the bedside, in small."""

import csv
import json
import subprocess
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from bedside.bundle.opening import open_bundle
from bedside.compress.presets import Preset
from bedside.data.phantom_volume import CLASSES, VolumePhantom
from bedside.data.sources import load_cohort
from bedside.serve.predicting import Predictor

nibabel = pytest.importorskip("nibabel", reason="pip install 'bedside[nifti]'")

pytestmark = [pytest.mark.workshop, pytest.mark.slow]
Cli = Callable[..., subprocess.CompletedProcess[str]]
TINY = Preset(
    name="tiny", reference_images=2000, student_images=2000, max_epochs=(30, 30), n_views=2, n_candidates=1, image_px=16
)
TURNED = np.array([[0, -1, 0, 5], [1, 0, 0, -7], [0, 0, -1, 11], [0, 0, 0, 1.0]])
"""The first axis of the file runs to the front, the second to the left, the third to the feet."""


def written(path: Path, voxels: np.ndarray) -> Path:
    """Canonical ``(D, H, W)`` voxels as a file of which no axis is canonical."""
    filed = voxels.transpose(1, 2, 0)[:, ::-1, ::-1]
    nibabel.save(nibabel.Nifti1Image(filed.astype(np.float32) * 7 - 100, TURNED), path)
    return path


@pytest.fixture(scope="module")
def outliner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run on MSD files of phantoms, in one format."""
    pytest.importorskip("torch", reason="the main job needs the workshop extra")
    from bedside.base.budget import Budget
    from bedside.pipeline import optimize

    folder = tmp_path_factory.mktemp("volumes")
    listed = []
    for i in range(44):
        voxels, numbers = VolumePhantom().volume(i)
        for part, values in (("imagesTr", voxels), ("labelsTr", numbers)):
            (folder / part).mkdir(exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values.transpose(2, 1, 0), np.eye(4)), folder / part / f"{i}.nii.gz")
        listed.append({"image": f"./imagesTr/{i}.nii.gz", "label": f"./labelsTr/{i}.nii.gz"})
    named = {str(k): name for k, name in enumerate(CLASSES)}
    described = {"name": "Organ", "training": listed, "labels": named, "modality": {"0": "MRI"}}
    (folder / "dataset.json").write_text(json.dumps(described))
    out = folder / "organ"
    optimize(
        load_cohort(f"msd:{folder}"), Budget(size_kib=400), out=out, preset=TINY, formats=("litert",),
        margin=0.2, key=folder / "key.pem",
    )  # fmt: skip
    return out


def test_its_evidence_is_of_every_label_and_in_mm(outliner: Path) -> None:
    bundle = open_bundle(outliner)
    evidence = json.loads((outliner / "evidence" / "evidence.json").read_text())
    shipped = {name: found["value"] for name, found in evidence["shipped"]["values"].items()}
    assert shipped["dice"] > 0.7
    assert min(shipped["dice_head"], shipped["dice_tail"]) > 0.6
    assert evidence["metrics"]["hd95"]["unit"] == "mm"
    assert evidence["flips_frac"]["value"] < 0.01
    assert bundle.manifest.preprocess.spec.shape == (1, 16, 24, 16)
    assert bundle.manifest.models[0].artifact.precision == "int8"
    assert "data:image/png" in (outliner / "report.html").read_text()


def test_golden_volumes_are_replayed(outliner: Path, cli: Cli) -> None:
    done = cli("verify", outliner)
    assert done.returncode == 0, done.stderr
    assert "golden outputs" in done.stdout


def test_a_turned_file_gets_its_map_on_its_own_grid(outliner: Path, cli: Cli, tmp_path: Path) -> None:
    voxels, numbers = VolumePhantom(seed=5).volume(1)
    file = written(tmp_path / "scan.nii.gz", voxels)
    done = cli("predict", outliner, file, "--masks", tmp_path / "maps", "--as", "json")
    assert done.returncode == 0, done.stderr
    (line,) = csv.DictReader(StringIO(cli("predict", outliner, file, "--as", "csv").stdout))
    ours, theirs = nibabel.load(tmp_path / "maps" / "scan.nii.gz"), nibabel.load(file)
    np.testing.assert_array_equal(ours.affine, theirs.affine)
    assert ours.shape == theirs.shape
    back = np.asarray(ours.dataobj)[:, ::-1, ::-1].transpose(2, 0, 1)
    assert 2 * ((back > 0) & (numbers > 0)).sum() / ((back > 0).sum() + (numbers > 0).sum()) > 0.7
    (row,) = json.loads(done.stdout)
    for k, name in enumerate(CLASSES[1:], start=1):
        said = row["measures"][f"volume of {name}"]
        assert said["unit"] == "mL"
        assert said["value"] == pytest.approx((back == k).sum() / 1000, abs=1e-3)
        assert float(line[f"volume_ml_{name}"]) == said["value"]
        assert int(line[f"voxels_{name}"]) == (back == k).sum()
        assert int(line[f"n_findings_{name}"]) == ndimage.label(back == k, np.ones((3, 3, 3)))[1]  # type: ignore[index]


def test_a_volume_larger_than_the_model_is_read_tile_by_tile(outliner: Path, tmp_path: Path) -> None:
    large = np.concatenate([VolumePhantom(seed=5).volume(i)[0] for i in range(3)], axis=1)
    ticks: list[tuple[int, int]] = []
    predictor = Predictor.load(outliner)
    watched = Predictor(
        predictor.bundle, predictor.shipped, predictor.session, predictor.gate,
        tick=lambda done, total: ticks.append((done, total)),
    )  # fmt: skip
    (found,) = watched.predict([written(tmp_path / "large.nii.gz", large)])
    assert ticks[-1][0] == ticks[-1][1] == 5
    assert found.mask is not None
    assert found.mask.shape == large.shape
    thirds = [(found.mask[:, start : start + 24] > 0).sum() for start in (0, 24, 48)]
    assert min(thirds) > 100


def test_other_voxels_give_about_the_same_volume(outliner: Path, tmp_path: Path) -> None:
    voxels = VolumePhantom(seed=5).volume(2)[0]
    fine = voxels.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    files = [tmp_path / "as_is.nii", tmp_path / "fine.nii"]
    for file, values, size_mm in zip(files, (voxels, fine), (1.0, 0.5), strict=True):
        nibabel.save(nibabel.Nifti1Image(values.transpose(2, 1, 0), np.diag([size_mm] * 3 + [1])), file)
    first, second = Predictor.load(outliner).predict(files)
    assert second.mask is not None
    assert second.mask.shape == fine.shape
    whole = [sum(held.size or 0 for held in found.outlined) for found in (first, second)]
    assert whole[1] == pytest.approx(whole[0], rel=0.1)


def test_its_sealed_volumes_are_spoilt(outliner: Path, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = cli("robustness", outliner, "--data", f"msd:{outliner.parent}", "--severity", "1,3,5", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "the sealed part of the bundle's cohort" in done.stdout
    found = json.loads(out.read_text())
    hall = json.loads((outliner / "evidence" / "spoilt_volumes.json").read_text())
    assert found["robustness"] == hall, "the verb measures what the hall measured"
