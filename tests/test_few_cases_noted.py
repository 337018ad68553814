"""A run with few cases says so before it trains, and does not refuse."""

from dataclasses import replace
from pathlib import Path

import pytest

from noting import Notes

pytest.importorskip("torch", reason="a run needs the workshop extra")

from bedside.cohort_stops import parted
from bedside.compress.presets import preset_named
from bedside.data.sources import load_cohort
from bedside.running import Settings, begun
from bedside.verify.few_cases import few_cases

pytestmark = pytest.mark.workshop


def test_stop_two_warns_of_few_cases(tmp_path: Path) -> None:
    notes = Notes()
    run = begun(Settings(preset=preset_named("quick")), tmp_path / "out", resume=True, watch=notes)
    small = parted(run, load_cohort("phantom:ultrasound", n="40", size_px="16"))
    warned = [text for text in notes.said if text.startswith("warning: few cases")]
    assert warned == [f"warning: few cases, {text}" for text in few_cases(small.split, small.cohort.task)]
    assert any("test part" in text for text in warned)
    assert any("tuning part" in text for text in warned)
    assert len(small.split.development) > 0
    notes.said.clear()
    parted(run, load_cohort("phantom:ultrasound", n="600", size_px="16"))
    assert not [text for text in notes.said if text.startswith("warning")]


def test_the_report_holds_what_the_run_said(tmp_path: Path) -> None:
    from bedside.bundle.cohort_numbers import cohort_numbers

    run = begun(Settings(preset=preset_named("quick")), tmp_path / "out", resume=True, watch=None)
    parts = parted(run, load_cohort("phantom:ultrasound", n="40", size_px="16"))
    numbers = cohort_numbers(parts.cohort, parts.split, parts.audit, ["a", "b"])
    assert numbers.few == few_cases(parts.split, parts.cohort.task)
    assert numbers.few
    assert replace(numbers, few=()).few == ()
