"""Two bundles in a row on a folder of images: fitted, judged, written, read again, and used."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from bedside.base.digest import Digest, digest_array
from bedside.base.errors import InputError
from bedside.base.jsonform import from_json, to_json
from bedside.base.task import Task
from bedside.bundle.manifest import IntendedUse
from bedside.bundle.sealing import ModelFile, SealJob, seal
from bedside.bundle.signing import load_or_create_key
from bedside.cli.app import app
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.serve.cascade_fitting import fitted_cascade
from bedside.serve.cascading import CascadeFile, CascadePredictor, cascade_pair
from bedside.serve.own_parts import FRESH
from bedside.serve.predicting import Predictor
from bedside.verify.noninferiority import auroc_of
from bedside.verify.operating_point import OperatingPoint

TASK = Task(classes=("well", "ill"))
NO_TORCH = """
import sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "timm", "tensorflow", "jax", "scipy", "sklearn"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Wall())
"""


def make_bundle(place: Path, side_px: int, seen_px: int, key) -> Path:
    """A network that calls bright images ill, by the mean of their first rows and columns; as ONNX."""
    torch = pytest.importorskip("torch")
    from bedside.compress.quantization import QuantizationPlan
    from bedside.export.converting import ExportJob, convert

    class Bright(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = torch.nn.Linear(1, 2)
            self.line.weight.data, self.line.bias.data = torch.tensor([[-10.0], [10.0]]), torch.zeros(2)

        def forward(self, x):
            return self.line(x[:, :, :seen_px, :seen_px].mean(dim=(2, 3)))

    preprocess = Preprocess(n_channels=1, height_px=side_px, width_px=side_px)
    observed = np.zeros((2, *preprocess.spec.shape), np.float32)
    folder = place / f"files-{side_px}"
    (artifact,) = convert(
        ExportJob(model=Bright().eval(), spec=preprocess.spec, n_classes=2, observed=observed, folder=folder,
                  plan=QuantizationPlan(n_observed=2, observation=digest_array(observed))), "onnx", ("fp32",),
    )  # fmt: skip
    point = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="by the test")
    job = SealJob(
        name=f"bright{side_px}", task=TASK, preprocess=preprocess,
        models=(ModelFile(artifact=artifact, folder=folder, point=point),), cohort="made",
        cohort_digest=Digest("ab" * 32), is_phantom=True, intended_use=IntendedUse(purpose="testing"),
        version="0.0.0", values={"evidence/evidence.json": {}, "evidence/profile.json": {}},
        texts={"model_card.md": "# Toy\n", "report.html": "<html></html>\n"},
    )  # fmt: skip
    seal(job, place / job.name, key)
    return place / job.name


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("pair")
    key = load_or_create_key(place / "signing.key")
    return make_bundle(place, 8, 4, key), make_bundle(place, 16, 16, key)


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred patients with two images each; the ill ones are somewhat brighter."""
    place = tmp_path_factory.mktemp("site") / "harbour"
    place.mkdir()
    rng = np.random.default_rng(0)
    lines = ["file,label,patient_id"]
    for i in range(600):
        ill = i // 2 % 2 == 1
        grey = 127 + (12 if ill else -12) + rng.normal(scale=8) + rng.normal(scale=60, size=(16, 16))
        Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(place / f"{i}.png")
        lines.append(f"{i}.png,{'ill' if ill else 'well'},p{i // 2}")
    (place / "metadata.csv").write_text("\n".join(lines) + "\n")
    return place


@pytest.fixture(scope="module")
def found(pair: tuple[Path, Path], harbour: Path) -> CascadeFile:
    return fitted_cascade(
        cascade_pair(*pair, trusted=None, threads=1), load_cohort(f"folder:{harbour}"), margin=0.05, seed=3
    )


def test_the_test_part_is_judged_with_what_tuning_locked(
    pair: tuple[Path, Path], harbour: Path, found: CascadeFile
) -> None:
    from bedside.data.split import split_by_patient

    cohort = load_cohort(f"folder:{harbour}")
    cases = split_by_patient(cohort, seed=3).test.open(reason="compared with what the cascade says")
    small, large = (Predictor.load(path).predict([case.path for case in cases]) for path in pair)
    one, two = (np.array([p.probabilities for p in each]) for each in (small, large))
    stopped = one.max(axis=1) >= found.cascade.threshold_prob
    labels = np.array([cohort.task.classes[case.label] == "ill" for case in cases]).astype(int)
    mixed = np.where(stopped[:, None], one, two)
    expected = auroc_of(TASK, labels, mixed) - auroc_of(TASK, labels, two)
    assert 0 < stopped.mean() < 1
    assert found.judged.share_stopped.value == pytest.approx(stopped.mean())
    assert found.judged.non_inferiority.difference.value == pytest.approx(expected, abs=1e-9)
    assert found.n_test_cases == len(cases)
    assert found.n_test_patients == len({case.patient_id for case in cases})
    assert found.cascade.tuning is not None
    assert found.notes == (FRESH,)
    assert 0 < found.judged.small_ms.value < found.judged.cascade_ms.value


def test_the_file_is_read_again_and_predicts_by_the_one_that_is_sure(
    pair: tuple[Path, Path], harbour: Path, found: CascadeFile, tmp_path: Path
) -> None:
    (tmp_path / "cascade.json").write_bytes(to_json(found, indent=1))
    assert from_json(CascadeFile, to_json(found)) == found
    predictor = CascadePredictor.load(*pair, tmp_path / "cascade.json")
    files = [harbour / f"{i}.png" for i in range(30)]
    small, large = (Predictor.load(path).predict(files) for path in pair)
    sure = [max(p.probabilities) >= found.cascade.threshold_prob for p in small]
    assert {True, False} == set(sure)
    assert predictor.predict(files) == [
        replace(s, answered_by="bright8") if is_sure else replace(b, answered_by="bright16")
        for s, b, is_sure in zip(small, large, sure, strict=True)
    ]


def test_black_images_are_answered_too(pair: tuple[Path, Path], found: CascadeFile, tmp_path: Path) -> None:
    (tmp_path / "cascade.json").write_bytes(to_json(found))
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "black.png")
    (answer,) = CascadePredictor.load(*pair, tmp_path / "cascade.json").predict([tmp_path / "black.png"])
    assert answer.called == "well"
    alone = Predictor.load(pair[0]).predict([tmp_path / "black.png"])[0]
    assert answer == replace(alone, answered_by="bright8"), "the small one is sure"


def test_other_bundles_and_a_wrong_order_are_refused(
    refuses, pair: tuple[Path, Path], toy_bundle: Path, found: CascadeFile, tmp_path: Path
) -> None:
    (tmp_path / "cascade.json").write_bytes(to_json(found))
    with refuses(InputError, "other bundles"):
        CascadePredictor.load(toy_bundle, pair[1], tmp_path / "cascade.json")
    with refuses(InputError, "smaller input first"):
        cascade_pair(pair[1], pair[0], trusted=None, threads=1)
    with refuses(InputError, "smaller input first"):
        cascade_pair(pair[0], pair[0], trusted=None, threads=1)


def test_the_command_works_without_torch(pair: tuple[Path, Path], harbour: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_TORCH)
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]), "COLUMNS": "160",
    }  # fmt: skip
    out = tmp_path / "found.json"
    words = ["cascade", *pair, f"folder:{harbour}", "--margin", 0.05, "--seed", 3, "--out", out]
    done = subprocess.run(
        [sys.executable, "-m", "bedside", *map(str, words)], capture_output=True, text=True, env=env, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for word in ("bright8, then bright16", "share that stopped early", "saved, ms an image", "not for diagnosis"):
        assert word in done.stdout, done.stdout
    assert json.loads(out.read_text())["n_test_cases"] == 120


@pytest.fixture
def predict(pair: tuple[Path, Path], harbour: Path, found: CascadeFile, tmp_path: Path):
    (tmp_path / "cascade.json").write_bytes(to_json(found))
    files = [str(harbour / f"{i}.png") for i in range(30)]

    def run(*more: str) -> Result:
        return CliRunner().invoke(app, ["predict", str(pair[1]), *files, *more])

    return run


def test_predict_says_which_bundle_answered(
    predict, pair: tuple[Path, Path], found: CascadeFile, tmp_path: Path
) -> None:
    cascade = ["--first", str(pair[0]), "--cascade", str(tmp_path / "cascade.json")]
    done = predict(*cascade, "--as", "json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    alone = json.loads(predict("--as", "json").stdout)
    by = [row["answered_by"] for row in rows]
    assert set(by) == {"bright8", "bright16"}
    for row, other in zip(rows, alone, strict=True):
        if row["answered_by"] == "bright16":
            assert row["probabilities"] == other["probabilities"]
            assert "answered_by" not in other
    head, *lines = predict(*cascade, "--as", "csv").stdout.splitlines()
    assert head.endswith(",answered_by")
    assert [line.rpartition(",")[2] for line in lines] == by
    assert "by bright8" in predict(*cascade).stdout


def test_options_of_the_source_reach_it(pair: tuple[Path, Path], harbour: Path) -> None:
    for verb in (["cascade", *pair, f"folder:{harbour}"], ["explain", pair[0], "--data", f"folder:{harbour}"],
                 ["robustness", pair[0], "--data", f"folder:{harbour}"]):  # fmt: skip
        done = CliRunner().invoke(app, [*map(str, verb), "--option", "colour=green"])
        assert isinstance(done.exception, InputError), done.output
        assert "colour" in done.exception.message


def test_half_of_a_cascade_is_refused(predict, pair: tuple[Path, Path], tmp_path: Path) -> None:
    for words in (["--first", str(pair[0])], ["--cascade", str(tmp_path / "cascade.json")]):
        done = predict(*words)
        assert isinstance(done.exception, InputError)
        assert "--first SMALL and --cascade FILE" in done.exception.expected
