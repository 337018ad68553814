"""What the ward offers: a map of one file, and the gaze of a bundle on a cohort."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.digest import Digest
from bedside.base.errors import CohortError, InputError, PluginError
from bedside.base.task import Task
from bedside.bundle.manifest import IntendedUse
from bedside.bundle.opening import Bundle, open_bundle
from bedside.bundle.sealing import ModelFile, SealJob, seal
from bedside.bundle.signing import load_or_create_key
from bedside.cli.explaining import GazeRequest, run_explain, run_gaze
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.runtime.toys import toy_artifact
from bedside.serve.explaining import chosen_cases, explain, gaze_of_bundle
from bedside.serve.predicting import Predictor
from bedside.verify.operating_point import OperatingPoint

POINT = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="by the test")
TASK = Task(classes=("well", "ill"), positive=1)


def sealed_toy(tmp_path: Path, *, precisions: tuple[str, ...]) -> Path:
    """A bundle of the toy model; the file called int8 is the fp32 file again, so that nothing can have moved."""
    pytest.importorskip("ai_edge_litert")
    artifact, folder, *_ = toy_artifact("litert")
    models = []
    for precision in precisions:
        place = tmp_path / precision
        place.mkdir()
        file = f"model_{precision}.tflite"
        shutil.copy(folder / artifact.file, place / file)
        copy = replace(artifact, precision=precision, file=file)
        models.append(ModelFile(artifact=copy, folder=place, point=POINT))
    job = SealJob(
        name="toy", task=TASK, preprocess=Preprocess(n_channels=1, height_px=8, width_px=8), models=tuple(models),
        cohort="made", cohort_digest=Digest("ab" * 32), is_phantom=True, intended_use=IntendedUse(purpose="testing"),
        version="0", values={}, texts={"model_card.md": "# Toy\n"},
    )  # fmt: skip
    seal(job, tmp_path / "toy", load_or_create_key(tmp_path / "signing.key"))
    return tmp_path / "toy"


@pytest.fixture
def bundle_folder(tmp_path: Path) -> Path:
    return sealed_toy(tmp_path, precisions=("int8", "fp32"))


@pytest.fixture
def bundle(bundle_folder: Path) -> Bundle:
    return open_bundle(bundle_folder)


def cohort(tmp_path: Path, n: int = 12, classes: tuple[str, ...] = ("ill", "well"), part: str | None = None) -> Cohort:
    """Random images, the ill ones with a mask; the classes in another order than the bundle's."""
    rng = np.random.default_rng(0)
    cases = []
    for i in range(n):
        mask = np.zeros((8, 8), np.uint8)
        mask[2:6, 2:6] = 255
        path = tmp_path / f"mask{i}.png"
        Image.fromarray(mask).save(path)
        pixels = rng.integers(0, 256, size=(8, 8), dtype=np.uint8)
        facts = {"mask_path": path} if i % 2 == 0 else {}
        held = part if part is None or i < n // 2 else "development"
        cases.append(Case(case_id=str(i), label=i % 2, patient_id=f"p{i}", pixels=pixels, part=held, **facts))
    return Cohort(name="made", task=Task(classes=classes), cases=tuple(cases), source="test:made")


def test_one_file_is_predicted_and_mapped(bundle_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 10), dtype=np.uint8)).save(file)
    predictor = Predictor.load(bundle_folder)
    for method in ("occlusion", "rise"):
        found = explain(predictor, file, method=method)
        assert found.prediction == predictor.predict([file])[0]
        assert found.image.shape == (1, 8, 8)
        assert found.heat.shape == (8, 8)
        assert found.heat.max() == 1
        assert found.heat.min() >= 0


def test_two_equal_files_have_one_gaze(bundle: Bundle, tmp_path: Path) -> None:
    ticks = []
    report = gaze_of_bundle(bundle, cohort(tmp_path), tick=lambda *tick: ticks.append(tick))
    assert [gaze.model for gaze in report.gazes] == ["litert fp32", "litert int8"]
    (change,) = report.changes
    assert change.agreement.rank_correlation.value == pytest.approx(1)
    assert change.agreement.top_iou.value == 1
    assert change.hit_difference is not None
    assert change.hit_difference.value == 0
    assert report.n_lesions == 6
    assert set(report.faithfulness) == {"litert fp32", "litert int8"}
    assert report.about == "test:made, all parts, of which the model may have been fitted on some"
    assert ticks[-1] == (12, 12, "litert int8, deletion and insertion")


def test_labels_are_matched_by_name(bundle: Bundle, tmp_path: Path, refuses) -> None:
    """The maps are of the true class whatever number the cohort gives it."""
    one = gaze_of_bundle(bundle, cohort(tmp_path))
    swapped = cohort(tmp_path)
    swapped = replace(
        swapped, task=Task(classes=("well", "ill")), cases=tuple(replace(c, label=1 - c.label) for c in swapped.cases)
    )
    assert gaze_of_bundle(bundle, swapped).gazes == one.gazes
    with refuses(CohortError, "the class sick", "well, ill"):
        gaze_of_bundle(bundle, cohort(tmp_path, classes=("sick", "well")))


def test_the_test_part_alone_is_looked_at_and_lesions_go_first(tmp_path: Path) -> None:
    made = cohort(tmp_path, n=20, part="test")
    cases = chosen_cases(made, 5, seed=0)
    assert len(cases) == 5
    assert all(case.part == "test" and case.mask_path is not None for case in cases)
    assert chosen_cases(made, 7, seed=0) == chosen_cases(made, 7, seed=0)
    assert len(chosen_cases(made, 100, seed=0)) == 10


def test_no_int8_file_no_comparison(tmp_path: Path, refuses) -> None:
    bundle = open_bundle(sealed_toy(tmp_path, precisions=("fp32",)))
    with refuses(InputError, "no litert int8 model"):
        gaze_of_bundle(bundle, cohort(tmp_path))


def test_the_command_writes_overlays_and_a_sheet(bundle_folder: Path, tmp_path: Path, capsys) -> None:
    files = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        files.append(tmp_path / place / "scan.png")
        Image.fromarray(np.random.default_rng(len(files)).integers(0, 256, (8, 8), dtype=np.uint8)).save(files[-1])
    out = tmp_path / "maps"
    run_explain(bundle_folder, files, "occlusion", out, None, 1)
    assert sorted(path.name for path in out.iterdir()) == ["index.html", "scan-2.png", "scan.png"]
    with Image.open(out / "scan.png") as picture:
        assert picture.mode == "RGB"
        assert picture.size == (224, 224)
    page = (out / "index.html").read_text()
    assert page.count("<figure>") == 2
    assert "http" not in page.replace("http-equiv", ""), "nothing is fetched"
    assert str(out / "scan-2.png") in capsys.readouterr().out


def test_the_command_refuses_what_it_cannot_do(bundle_folder: Path, tmp_path: Path, refuses) -> None:
    with refuses(InputError, "nothing to explain"):
        run_explain(bundle_folder, [], "occlusion", tmp_path, None, 1)
    with refuses(PluginError, "no plugin called 'gradcam'", "occlusion"):
        run_explain(bundle_folder, [tmp_path / "a.png"], "gradcam", tmp_path, None, 1)
    with refuses(InputError, "exclude each other"):
        run_gaze(GazeRequest(bundle=bundle_folder, data="phantom:ultrasound", files=(tmp_path / "a.png",)))
    with refuses(CohortError, "has the class lesion"):
        run_gaze(GazeRequest(bundle=bundle_folder, data="phantom:ultrasound", out=tmp_path))
