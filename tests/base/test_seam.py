"""Plugins: found by name, suggested by likeness, added by other packages."""

from pathlib import Path

import pytest

from bedside.base.errors import MissingPackageError, PluginError
from bedside.base.seam import Requirement, Seam, missing, require
from bedside.base.task import Task
from bedside.data.sources import load_cohort
from bedside.runtime.session import RUNTIMES

COLOURS: Seam[type] = Seam("bedside.test_colours", {"task": "bedside.base.task:Task", "absent": "no_such_package:X"})

PLUGIN = """
import numpy as np
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort

def load(rest, options):
    cases = tuple(
        Case(case_id=f"{rest}{i}", label=i % 2, pixels=np.full((4, 4), i, np.uint8)) for i in range(int(options["n"]))
    )
    return Cohort(name=rest, task=Task(classes=("no", "yes")), cases=cases, source=f"acme:{rest}")
"""


@pytest.fixture
def installed_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a third party's package the way pip does: a module and a dist-info beside it."""
    (tmp_path / "acme_cohorts.py").write_text(PLUGIN)
    info = tmp_path / "acme_cohorts-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-cohorts\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bedside.sources]\nacme = acme_cohorts:load\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_a_built_in_is_imported_when_it_is_asked_for() -> None:
    assert COLOURS.get("task") is Task
    assert COLOURS.names() == ["absent", "task"], "listing imports nothing"


@pytest.mark.parametrize(("asked", "meant"), [("lite-rt", "litert"), ("onxn", "onnx"), ("executorch2", "executorch")])
def test_an_unknown_name_is_answered_with_a_likely_one(refuses, asked: str, meant: str) -> None:
    with refuses(PluginError, f"did you mean '{meant}'", "executorch, litert, onnx"):
        RUNTIMES.get(asked)


def test_a_name_like_no_other_gets_no_suggestion(refuses) -> None:
    with refuses(PluginError, "zzzz", "install"):
        RUNTIMES.get("zzzz")


def test_another_package_adds_a_source(installed_plugin: None) -> None:
    cohort = load_cohort("acme:ward7", n="6")
    assert [case.case_id for case in cohort.cases][:2] == ["ward70", "ward71"]
    assert load_cohort("phantom:ultrasound", n="8").is_phantom, "the built-in ones are still there"


def test_without_the_package_its_source_is_unknown(refuses) -> None:
    with refuses(PluginError, "acme"):
        load_cohort("acme:ward7")


def test_a_missing_package_is_answered_with_the_pip_line() -> None:
    needs = (
        Requirement("json", "json"),
        Requirement("no_such_module_x", "nosuch[extra]>=1"),
        Requirement("a_.b", "a-b"),
    )
    assert missing(needs) == ["nosuch[extra]>=1", "a-b"]
    with pytest.raises(MissingPackageError) as caught:
        require("painting", needs)
    assert caught.value.hint == "pip install 'nosuch[extra]>=1' 'a-b'"
    assert "painting" in caught.value.message


def test_nothing_is_raised_when_all_is_there() -> None:
    require("reading", (Requirement("json", "json"), Requirement("os.path", "os")))
