"""The hall's stops about odd images: what is too small is left out with a note, and the journal is used."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the hall needs the workshop extra")

from tests.noting import Notes

from bedside.base.journal import Journal
from bedside.cohort_stops import gathered
from bedside.compress.presets import preset_named
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import Split, split_by_patient
from bedside.data.targets import labels_of
from bedside.robustness_stops import Hardships, gate_tested, gated, probed
from bedside.running import Run, Settings

pytestmark = pytest.mark.workshop

PREPROCESS = Preprocess(n_channels=1, height_px=16, width_px=16)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    watch = Notes()
    journal = Journal(folder=tmp_path, on_reuse=lambda stop: watch.note(f"reused {stop}"))
    return Run(settings=Settings(preset=preset_named("quick")), journal=journal, watch=watch)


def split_of(n: str) -> tuple[Split, object]:
    cohort = load_cohort("phantom:ultrasound", n=n, size_px="16")
    return split_by_patient(cohort, seed=0), cohort


def test_the_gate_is_fitted_once_and_tested(run: Run) -> None:
    split, cohort = split_of("300")
    material = gathered(run, cohort, split, PREPROCESS)  # type: ignore[arg-type]
    gate = gated(run, material, split)
    assert gate is not None
    assert gated(run, material, split) == gate
    assert "reused gate" in run.watch.said  # type: ignore[attr-defined]
    cases = split.test.open(reason="a test")
    images = np.stack([PREPROCESS.geometry(case.image()) for case in cases])
    found = gate_tested(run, gate, images, [str(i) for i in range(len(cases))], PREPROCESS)
    assert found.kinds["constant"].auroc.value > 0.95
    report = probed(run, material, split)
    assert report is not None
    assert report.flagged == ()
    assert report.n_images == len(labels_of(split.development))


def test_a_tiny_cohort_gets_neither_and_is_told(run: Run) -> None:
    split, cohort = split_of("40")
    material = gathered(run, cohort, split, PREPROCESS)  # type: ignore[arg-type]
    few = replace(split, development=split.development[:8])
    assert gated(run, material, split) is None
    assert probed(run, material, few) is None
    assert ["no acceptance gate" in run.watch.said[0], "no shortcut probes" in run.watch.said[1]] == [True, True]  # type: ignore[attr-defined]


def test_what_was_not_measured_has_no_file() -> None:
    held = Hardships(gate=None, robustness=None, shortcuts=None)  # type: ignore[arg-type]
    assert held.values() == {}


def test_hardening_follows_the_settings() -> None:
    settings = Settings(preset=preset_named("quick"))
    assert settings.hardening() is None
    found = replace(settings, adversarial_eps=4.0).hardening()
    assert found is not None
    assert found.eps_levels == 4


class TestVolumes:
    """Volumes have a gate, its evidence, and corruptions of their own."""

    preprocess = Preprocess(n_channels=1, depth_px=16, height_px=24, width_px=16)

    def test_the_gate_sees_their_middle_planes(self, run: Run) -> None:
        cohort = load_cohort("phantom:volume", n="150")
        split = split_by_patient(cohort, seed=0)
        material = gathered(run, cohort, split, self.preprocess)
        gate = gated(run, material, split)
        assert gate is not None
        cases = split.test.open(reason="a test")
        volumes = np.stack([case.placed(self.preprocess) for case in cases])
        found = gate_tested(run, gate, volumes, [str(i) for i in range(len(cases))], self.preprocess)
        assert found.n_images == len(cases)
        assert found.kinds["noise"].referred_frac.value > 0.9
        assert gate_tested(run, gate, volumes, [str(i) for i in range(len(cases))], self.preprocess) == found
        assert "reused gate-evidence" in run.watch.said  # type: ignore[attr-defined]
