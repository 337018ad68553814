"""The gate travels with the bundle, is covered by its digests, and refers at prediction time."""

import csv
import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import BundleError, TamperError
from bedside.bundle.opening import GATE, open_bundle
from bedside.bundle.sealing import SealJob, seal
from bedside.cli.predicting import run_predict
from bedside.data.phantom import Phantom
from bedside.serve.predicting import Predictor
from bedside.serve.prediction import REFER
from bedside.verify.gate import AcceptanceGate, fit_gate

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def phantom(index: int) -> np.ndarray:
    return Phantom(size_px=24).image(index, has_lesion=bool(index % 2))


@pytest.fixture(scope="module")
def gate(job: SealJob) -> AcceptanceGate:
    development, tuning = ([phantom(i) for i in numbers] for numbers in (range(150), range(150, 250)))
    parts = [(np.stack([job.preprocess.geometry(p) for p in part]), part) for part in (development, tuning)]
    names = [[str(i) for i in range(len(part))] for part in (development, tuning)]
    return fit_gate(*parts, development_units=names[0], tuning_units=names[1])


@pytest.fixture(scope="module")
def gated(job: SealJob, gate: AcceptanceGate, key: "Ed25519PrivateKey", tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("gated") / "toy"
    seal(replace(job, gate=gate), folder, key)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    """Three suitable images, a colour photo's worth of pixels, and a black one."""
    folder = tmp_path_factory.mktemp("images")
    photo = np.random.default_rng(0).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    pictures = [*(phantom(i) for i in (301, 302, 303)), photo, np.zeros((30, 30), np.uint8)]
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{i}.png")
    return sorted(folder.iterdir())


def test_the_gate_comes_back_equal(gated: Path, gate: AcceptanceGate) -> None:
    bundle = open_bundle(gated)
    assert bundle.gate() == gate
    assert GATE in bundle.manifest.files
    assert open_bundle(gated.with_name("toy.bedside")).gate() == gate


def test_an_older_bundle_has_none_and_judges_everything(sealed: Path, files: list[Path]) -> None:
    assert open_bundle(sealed).gate() is None
    found = Predictor.load(sealed).predict(files)
    assert [p.refer for p in found] == [""] * 5
    assert all(p.is_positive is not None for p in found)


def test_odd_images_are_referred_with_the_reason(gated: Path, sealed: Path, files: list[Path]) -> None:
    found = Predictor.load(gated).predict(files)
    plain = Predictor.load(sealed).predict(files)
    assert [p.called == REFER for p in found] == [False, False, False, True, True]
    assert [p.is_positive for p in found[3:]] == [None, None]
    assert all("unlike those the model was made for" in p.refer for p in found[3:])
    assert [p.called for p in found[:3]] == [p.called for p in plain[:3]]
    assert [p.probabilities for p in found] == [p.probabilities for p in plain]
    assert [p.called for p in Predictor.load(gated, use_gate=False).predict(files)] == [p.called for p in plain]


def test_a_long_stream_is_judged_block_by_block(gated: Path, files: list[Path]) -> None:
    found = Predictor.load(gated).predict(files * 30)
    assert [bool(p.refer) for p in found] == [False, False, False, True, True] * 30


def test_every_shape_of_output_says_it(gated: Path, files: list[Path], capsys) -> None:
    run_predict(gated, files, "json", None, None, None, 1)
    rows = json.loads(capsys.readouterr().out)
    assert [row["called"] for row in rows][3:] == ["refer", "refer"]
    assert [row["is_positive"] for row in rows][3:] == [None, None]
    run_predict(gated, files, "csv", None, None, None, 1)
    lines = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    assert [line["refer"] for line in lines] == [row["refer"] for row in rows]
    run_predict(gated, files, "table", None, None, None, 1)
    table = capsys.readouterr().out.splitlines()
    assert [line.startswith("refer") for line in table[1:]] == [False, False, False, True, True]


def test_a_referred_image_is_still_mapped_for_the_class_that_would_have_been_called(
    gated: Path, files: list[Path], tmp_path: Path, capsys
) -> None:
    from bedside.cli.explaining import run_explain

    for method in ("occlusion", "cam"):
        run_explain(gated, files[3:], method, tmp_path / method, None, 1)
        said = capsys.readouterr().out
        assert said.count("refer, map of") == 2
        assert (tmp_path / method / "index.html").is_file()


def test_a_changed_or_missing_gate_is_noticed(gated: Path, tmp_path: Path) -> None:
    import shutil

    for spoil in ("change", "remove"):
        copy = Path(shutil.copytree(gated, tmp_path / spoil))
        if spoil == "change":
            (copy / GATE).write_bytes((copy / GATE).read_bytes().replace(b'"limit":', b'"limit":9'))
        else:
            (copy / GATE).unlink()
        with pytest.raises(TamperError, match=GATE):
            open_bundle(copy)


def test_a_signed_file_that_is_no_gate_is_refused(bundle: Path, resign, refuses) -> None:
    (bundle / GATE).write_text('{"limit": 1}')
    resign(bundle)
    with refuses(BundleError, GATE):
        open_bundle(bundle).gate()
