"""The hall's stop about tiles: fitted on development, judged on tuning, sealed, and obeyed at the bedside."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the hall needs the workshop extra")

from tests.noting import Notes

from bedside.base.digest import Digest, digest_array
from bedside.base.journal import Journal
from bedside.base.task import Task
from bedside.bundle.manifest import IntendedUse
from bedside.bundle.sealing import ModelFile, SealJob, seal
from bedside.bundle.signing import load_or_create_key
from bedside.cohort_stops import Material, gathered
from bedside.compress.presets import preset_named
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.modalities import Modalities
from bedside.data.preprocess import Preprocess
from bedside.data.split import Split, split_by_patient
from bedside.data.volume_placing import VOLUME_WINDOW
from bedside.robustness_stops import gated
from bedside.running import Run, Settings
from bedside.runtime.skip_fitting import fit_skipping
from bedside.runtime.skipping import Skipping
from bedside.runtime.tiling import Tiling
from bedside.serve.predicting import Predictor
from bedside.skipping_stops import _placed, tiled
from bedside.verify.gate import AcceptanceGate
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.tile_evidence import VolumeRun, tile_evidence

pytestmark = pytest.mark.workshop

PREPROCESS = Preprocess(n_channels=1, depth_px=8, height_px=8, width_px=8)
TASK = Task(classes=("background", "organ"), kind="segmentation")
AIR, ORGAN = 10, 200


def volume(index: int, side: int = 24, air: int = AIR) -> Case:
    """A bright cube somewhere in a wide field of air."""
    rng = np.random.default_rng(index)
    voxels = rng.integers(0, air + 1, (side, side, side)).astype(np.uint8)
    labels = np.zeros(voxels.shape, np.uint8)
    place = tuple(slice(start, start + 5) for start in rng.integers(0, side - 5, 3))
    voxels[place], labels[place] = ORGAN, 1
    return Case(case_id=f"v{index}", patient_id=f"p{index}", label=0, pixels=voxels, mask_pixels=labels, marks=(0, 1))


def cohort_of(**how: int) -> Cohort:
    return Cohort(
        name="cubes", source="made", task=TASK, cases=tuple(volume(i, **how) for i in range(40)), licence="CC0",
        modality="phantom",
    )  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(
        settings=Settings(preset=preset_named("quick")), journal=Journal(folder=tmp_path / "journal"), watch=Notes()
    )


@pytest.fixture(scope="module")
def bright(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A network that calls every voxel brighter than 100 the organ; as ONNX."""
    import torch

    from bedside.compress.quantization import QuantizationPlan
    from bedside.export.converting import ExportJob, convert

    class Bright(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = torch.nn.Conv3d(1, 2, 1)
            self.line.weight.data = torch.tensor([-20.0, 20.0]).reshape(2, 1, 1, 1, 1)
            assert self.line.bias is not None
            self.line.bias.data = torch.tensor([-1.0, 1.0]) * 20 * (127 - 100) / 128

        def forward(self, x):
            return self.line(x)

    folder = tmp_path_factory.mktemp("bright")
    observed = np.zeros((2, *PREPROCESS.spec.shape), np.float32)
    (artifact,) = convert(
        ExportJob(model=Bright().eval(), spec=PREPROCESS.spec, n_classes=2, observed=observed, folder=folder,
                  plan=QuantizationPlan(n_observed=2, observation=digest_array(observed))), "onnx", ("fp32",),
    )  # fmt: skip
    point = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="by the test")
    return ModelFile(artifact=artifact, folder=folder, point=point)


def made(run: Run, cohort: Cohort) -> tuple[Material, Split]:
    split = split_by_patient(cohort, seed=0)
    return gathered(run, cohort, split, PREPROCESS), split


def shipped(folder: Path, model: ModelFile, *, skipping: Skipping | None = None,
            gate: AcceptanceGate | None = None, values: dict[str, object] | None = None) -> Predictor:  # fmt: skip
    """Seal a bundle and open it at the bedside."""
    job = SealJob(
        name="cubes", task=TASK, preprocess=PREPROCESS, models=(model,), cohort="made",
        cohort_digest=Digest("ab" * 32), is_phantom=True, intended_use=IntendedUse(purpose="testing"), version="0.0.0",
        values={"evidence/evidence.json": {}, "evidence/profile.json": {}, **(values or {})},
        texts={"model_card.md": "# Toy\n", "report.html": "<html></html>\n"}, skipping=skipping, gate=gate,
    )  # fmt: skip
    seal(job, folder / "cubes", load_or_create_key(folder / "key.pem"))
    return Predictor.load(folder / "cubes")


def test_background_tiles_are_left_out_and_nothing_else_changes(run: Run, bright: ModelFile, tmp_path: Path) -> None:
    cohort = cohort_of()
    material, split = made(run, cohort)
    found = tiled(run, material, split, bright)
    assert found.rule is not None
    assert found.rule.dark_level == ORGAN // 2 - 1, "half of the darkest tile that holds the organ"
    evidence = found.evidence
    assert evidence is not None
    assert evidence.ships
    assert 0.3 < evidence.skipped.value < 0.95
    assert (evidence.lost_voxels, evidence.dice_change.value) == (0, 0)
    assert evidence.dice_whole == evidence.dice_skipping
    assert evidence.dice_whole.low < evidence.dice_whole.value <= evidence.dice_whole.high
    assert evidence.n_volumes == len(split.tuning)
    assert evidence.whole_ms.value > 0, "a busy machine may hide what is saved of milliseconds"
    assert tiled(run, material, split, bright) == found, "from the journal"

    predictor, file = shipped(tmp_path, bright, skipping=found.rule, values=found.values()), tmp_path / "scan.npy"
    assert predictor.skipping == found.rule
    case = split.tuning[0]
    assert case.pixels is not None
    np.save(file, case.pixels)
    ticks: list[int] = []
    answer = replace(predictor, tick=lambda done, total: ticks.append(done)).predict([file])[0]
    whole = replace(predictor, skipping=None).predict([file])[0]
    np.testing.assert_array_equal(answer.mask, whole.mask)
    assert answer.mask is not None
    assert answer.mask.any()


def test_volumes_of_one_tile_and_of_no_air_run_whole(run: Run, bright: ModelFile) -> None:
    material, split = made(run, cohort_of(side=8))
    found = tiled(run, material, split, bright)
    assert found.rule is None
    assert found.evidence is not None
    assert "holds every tuning volume whole" in found.evidence.why
    material, split = made(run, cohort_of(air=150))
    found = tiled(run, material, split, bright)
    assert found.rule is None
    assert found.evidence is not None
    assert "0.0 % of the tiles" in found.evidence.why


def test_the_ward_refers_a_volume_unlike_the_others(run: Run, bright: ModelFile, tmp_path: Path) -> None:
    def as_read(index: int) -> Case:
        case = volume(index, side=8)
        assert case.pixels is not None
        return replace(case, pixels=VOLUME_WINDOW(case.pixels.astype(np.float32)))

    cohort = replace(cohort_of(), cases=tuple(as_read(i) for i in range(150)))
    material, split = made(run, cohort)
    predictor = shipped(tmp_path, bright, gate=gated(run, material, split))
    assert predictor.gate is not None
    files = [tmp_path / name for name in ("usual.npy", "noise.npy")]
    for file, voxels in zip(files, (volume(999, side=8).pixels, np.random.default_rng(0).integers(0, 256, (8, 8, 8))),
                            strict=True):  # fmt: skip
        assert voxels is not None
        np.save(file, voxels.astype(np.uint8))
    usual, odd = predictor.predict(files)
    assert (usual.refer, usual.called) == ("", "organ")
    assert odd.called == "refer"
    assert odd.mask is None
    assert "unlike those" in odd.refer


def test_volumes_of_two_modalities_are_skipped_where_both_are_dark(run: Run, tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    preprocess = replace(PREPROCESS, n_channels=2, modalities=Modalities(names=("a", "b"), taken=(0, 1)))
    cases = []
    for i in range(12):
        case = volume(i)
        assert case.pixels is not None
        other = np.full(case.pixels.shape, AIR, np.uint8)
        other[:, :, :4] = ORGAN  # the second modality is bright where the first is dark
        file = tmp_path / f"{i}.nii.gz"
        stack = np.stack([case.pixels, other], axis=-1).transpose(2, 1, 0, 3)
        nibabel.save(nibabel.Nifti1Image(stack, np.eye(4)), file)
        mask = tmp_path / f"{i}-labels.nii.gz"
        nibabel.save(nibabel.Nifti1Image(case.mask_pixels.transpose(2, 1, 0), np.eye(4)), mask)  # type: ignore[union-attr]
        cases.append(replace(case, pixels=None, mask_pixels=None, path=file, mask_path=mask, frame=0))
    cohort = replace(cohort_of(), cases=tuple(cases), modalities=preprocess.modalities)
    split = split_by_patient(cohort, seed=0)
    material = gathered(run, cohort, split, preprocess)
    voxels, labels = _placed(cases[0], material)
    assert (voxels.shape, labels.shape) == ((2, 24, 24, 24), (24, 24, 24))
    rule = fit_skipping((_placed(case, material) for case in cases), Tiling(tile=(8, 8, 8)), n_classes=2)
    assert not rule.skips(voxels[:, :8, :8, :8])


def one(**change: object) -> VolumeRun:
    usual = VolumeRun(n_tiles=10, n_skipped=5, dice=0.9, dice_skipping=0.9, ms=10.0, ms_skipping=5.0, lost_voxels=0)
    return replace(usual, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "ships", "why"),
    [
        ({}, True, "as before"),
        ({"n_skipped": 0}, False, "0.0 %"),
        ({"n_skipped": 0, "n_tiles": 1}, False, "holds every tuning volume whole"),
        ({"lost_voxels": 3}, False, "lesion voxels"),
        ({"dice_skipping": 0.8}, False, "Dice would change by -0.1"),
        ({"ms_skipping": 20.0}, True, "as before"),
    ],
)
def test_what_decides_is_written_down(change: dict[str, object], ships: bool, why: str) -> None:
    found = tile_evidence(50, [one(**change) for _ in range(12)], [f"p{i}" for i in range(12)])
    assert found.ships is ships
    assert why in found.why
