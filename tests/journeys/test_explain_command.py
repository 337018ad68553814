"""``bedside explain`` on a bundle that was really compressed: single images, and a cohort with lesion masks."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from bedside.data.phantom import Phantom

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

Cli = Callable[..., subprocess.CompletedProcess[str]]

FIRST = 5000
"""Phantoms from here on were in no part of the bundle's cohort."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty new phantoms, half of them with a lesion and its mask."""
    folder, phantom = tmp_path_factory.mktemp("site"), Phantom(size_px=32)
    lines = ["file,label,mask,patient_id"]
    for i in range(FIRST, FIRST + 60):
        has_lesion, mask = bool(i % 2), ""
        Image.fromarray(phantom.image(i, has_lesion=has_lesion)).save(folder / f"{i}.png")
        if has_lesion:
            mask = f"mask{i}.png"
            Image.fromarray(phantom.mask(i, has_lesion=True)).save(folder / mask)
        lines.append(f"{i}.png,{'lesion' if has_lesion else 'no lesion'},{mask},p{i}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_map_of_each_image(cli: Cli, phantom_bundle: Path, site: Path, tmp_path: Path) -> None:
    files = [site / f"{FIRST + i}.png" for i in range(3)]
    for method in ("occlusion", "rise"):
        done = cli("explain", phantom_bundle, *files, "--method", method, "--out", tmp_path / method)
        assert done.returncode == 0, done.stderr
        names = {path.name for path in (tmp_path / method).iterdir()}
        assert names == {"index.html", *(file.name for file in files)}
        assert str(tmp_path / method / "index.html") in done.stdout


def test_int8_looks_where_fp32_looks_and_both_at_the_lesion(
    cli: Cli, phantom_bundle: Path, site: Path, tmp_path: Path
) -> None:
    done = cli("explain", phantom_bundle, "--data", f"folder:{site}", "--positive", "lesion", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "litert int8 against litert fp32: " in done.stdout
    report = json.loads((tmp_path / "gaze.json").read_text())
    assert (report["n_cases"], report["n_patients"], report["n_lesions"]) == (60, 60, 30)
    for gaze in report["gazes"]:
        assert gaze["hit"]["value"] > report["blind_hit"]["value"]
        assert gaze["energy"]["low"] > report["even_energy"]["high"]
    (change,) = report["changes"]
    assert change["maps_verdict"] == "KEPT"
    assert change["agreement"]["unrelated"]["high"] < change["agreement"]["rank_correlation"]["low"]
    assert change["hits_verdict"] in ("KEPT", "INCONCLUSIVE")
    for faithful in report["faithfulness"].values():
        assert faithful["deletion"]["high"] < faithful["deletion_unrelated"]["value"]


def test_what_cannot_be_explained_ends_in_its_own_exit_code(cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
    assert cli("explain", phantom_bundle).returncode == 10
    assert cli("explain", phantom_bundle, tmp_path / "absent.png").returncode == 11
    assert cli("explain", phantom_bundle, tmp_path / "absent.png", "--method", "gradcam").returncode == 40
    assert cli("explain", tmp_path / "absent", tmp_path / "absent.png").returncode == 30
