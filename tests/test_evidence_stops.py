"""The hall's stops of further evidence: plans of work, choice of cases, and what is too small."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the hall needs the workshop extra")

from bedside.base.digest import Digest
from bedside.base.errors import InputError
from bedside.base.journal import Journal
from bedside.base.task import Task
from bedside.base.watch import Silent
from bedside.bundle.sealing import ModelFile
from bedside.cohort_stops import gathered
from bedside.compress.presets import preset_named
from bedside.data.case_notes import CaseNotes
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.evidence_stops import Findings, abstaining, pictured
from bedside.gaze_stops import MAX_GMACS, GazeOutcome, GazePlan, Looker, chosen_rows, gazed, masks_of
from bedside.running import Run, Settings
from bedside.runtime.session import open_session
from bedside.runtime.toys import toy_artifact
from bedside.verify.operating_point import OperatingPoint

pytestmark = pytest.mark.workshop
POINT = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="by the test")
PREPROCESS = Preprocess(n_channels=1, height_px=8, width_px=8)


class Notes(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    def tick(self, done: int, total: int, detail: str = "") -> None:
        self.said.append(detail)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    watch = Notes()
    journal = Journal(folder=tmp_path, on_reuse=lambda stop: watch.note(f"reused {stop}"))
    return Run(settings=Settings(preset=preset_named("quick")), journal=journal, watch=watch)


def toy() -> ModelFile:
    pytest.importorskip("ai_edge_litert")
    artifact, folder, *_ = toy_artifact("litert")
    return ModelFile(artifact=artifact, folder=folder, point=POINT)


def material_of(run: Run, n: str):
    cohort = load_cohort("phantom:ultrasound", n=n, size_px="16")
    return gathered(run, cohort, split_by_patient(cohort, seed=0), PREPROCESS)


@pytest.mark.parametrize("mmacs", [0.001, 1.0, 30.0, 100.0, 2000.0])
def test_the_plan_of_the_gaze_bounds_its_work(mmacs: float) -> None:
    plan = GazePlan.within(mmacs)
    work = plan.n_cases * (plan.n_cells**2 + 1) * mmacs / 1000
    assert work <= MAX_GMACS or (plan.n_cases, plan.n_cells) == (24, 6)
    assert plan.n_cases <= 60
    assert 4 <= plan.n_faithful <= 16


def test_lesions_are_mapped_first() -> None:
    masks = np.ones((3, 4, 4), bool)
    notes = CaseNotes(lesion_rows=np.array([5, 50, 90]), lesion_masks=masks)
    rows = chosen_rows(100, notes, 20, seed=0)
    assert len(rows) == 20 == len(set(rows.tolist()))
    assert {5, 50, 90} <= set(rows.tolist())
    assert masks_of(rows, notes, (4, 4)).any(axis=(1, 2)).sum() == 3
    assert len(chosen_rows(7, CaseNotes(), 20, seed=0)) == 7


def test_rules_are_fitted_once_for_each_file(run: Run) -> None:
    material, model = material_of(run, "300"), toy()
    rules = abstaining(run, material, (model,))
    assert rules is not None
    assert set(rules.of_model) == {model.artifact.name}
    assert rules.of_model[model.artifact.name].sets.n_tuning[0] > 5
    again = abstaining(run, material, (model,))
    assert again is not None
    assert "reused abstention-rules" in run.watch.said  # type: ignore[attr-defined]


def test_too_few_tuning_patients_fit_none_and_other_tasks_have_none(run: Run) -> None:
    material = material_of(run, "60")
    assert abstaining(run, material, (toy(),)) is None
    assert "no referral rules" in run.watch.said[-1]  # type: ignore[attr-defined]
    other = replace(material, task=Task(classes=("background", "nodule"), kind="segmentation"))
    assert abstaining(run, other, (toy(),)) is None


def test_the_gaze_of_a_file_against_itself_is_kept_with_a_sanity_check(run: Run) -> None:
    import torch

    material, model = material_of(run, "300"), toy()
    images = material.data.tuning[:30]
    labels, units = material.data.tuning_targets[:30], tuple(str(i) for i in range(30))
    looker = Looker(
        name="reference", session=open_session(model.artifact, model.folder), point=POINT, digest=Digest("ab")
    )
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 2)).eval()
    notes = CaseNotes(lesion_rows=np.array([1, 2]), lesion_masks=np.ones((2, 8, 8), bool))
    plan = GazePlan(n_cases=24, n_cells=6, n_faithful=4)
    found = gazed(run, material, looker, model, model, network, plan, images, labels, units, notes)
    (change,) = found.report.changes
    assert change.agreement.rank_correlation.value == pytest.approx(1)
    assert change.maps_verdict == "KEPT"
    assert found.report.n_lesions == 2
    assert len(found.report.sanity[0].steps) == 2
    assert set(found.report.faithfulness) == {"reference", model.artifact.name}
    assert any("sanity" in text for text in run.watch.said)  # type: ignore[attr-defined]
    again = gazed(run, material, looker, model, model, network, plan, images, labels, units, notes)
    assert "reused gaze" in run.watch.said  # type: ignore[attr-defined]
    np.testing.assert_allclose(again.maps["reference"], found.maps["reference"], atol=1e-6)


def test_pictures_go_from_the_least_alike_to_the_most() -> None:
    rng = np.random.default_rng(0)
    base = rng.random((12, 8, 8))
    noisy = np.stack([heat + 0.2 * i * rng.random((8, 8)) for i, heat in enumerate(base)])
    seen = GazeOutcome(
        report=None, rows=np.arange(12), maps={"reference": base, "file": noisy}, masks=np.zeros((12, 8, 8), bool)  # type: ignore[arg-type]
    )  # fmt: skip
    outcome = SimpleNamespace(images=np.zeros((12, 1, 8, 8), np.uint8), targets=np.arange(12) % 2)
    found = pictured(seen, outcome, Task(classes=("well", "ill")))  # type: ignore[arg-type]
    assert len(found) == 6
    alike = [picture.rank_correlation for picture in found]
    assert alike == sorted(alike)
    assert alike[-1] == pytest.approx(1)
    assert found[0].lesion is None


def test_what_was_not_found_has_no_file() -> None:
    assert Findings().values() == {}


def test_a_lost_or_foreign_work_folder_is_a_clear_error(tmp_path: Path, refuses) -> None:
    from bedside.attack_stops import float_network_of

    class Sealed:
        folder = tmp_path / "bundle"

        def text(self, path: str) -> str:
            return '{"stamps": [{"stop": "compress", "digest": "abc"}]}'

    with refuses(InputError, "bundle.work"):
        float_network_of(Sealed(), tmp_path / "bundle.work")  # type: ignore[arg-type]
    (tmp_path / "bundle.work").mkdir()
    with refuses(InputError, "holds no model"):
        float_network_of(Sealed(), tmp_path / "bundle.work")  # type: ignore[arg-type]
