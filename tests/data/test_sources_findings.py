"""Sources that ask about several findings at once, or about ordered classes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import CohortError, InputError
from bedside.base.task import Task
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.strata import strata_of
from bedside.data.targets import targets_of


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 10), np.uint8)).save(path)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    lines = ["file,effusion,edema,patient_id,site"]
    for i in range(24):
        picture(tmp_path / f"{i}.png", i)
        lines.append(f"{i}.png,{('1', '0', '', '-1')[i % 4]},{i % 3 == 0:d},p{i // 2},A")
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    return tmp_path


def test_columns_of_a_table_are_findings(table: Path, refuses) -> None:
    cohort = load_cohort(f"folder:{table}", findings="effusion,edema")
    assert (cohort.task.kind, cohort.task.classes) == ("multilabel", ("effusion", "edema"))
    assert [case.marks for case in cohort.cases[:4]] == [(1, 1), (0, 0), (-1, 0), (-1, 1)]
    assert cohort.cases[0].attributes == (("site", "A"),)
    assert cohort.counts()["unassigned"] == {"effusion": 6, "edema": 8}
    targets = targets_of(cohort.cases, cohort.task, Preprocess(n_channels=1, height_px=8, width_px=8))
    assert targets.shape == (24, 2)
    with refuses(CohortError, "mass"):
        load_cohort(f"folder:{table}", findings="effusion,mass")
    text = (table / "metadata.csv").read_text()
    (table / "metadata.csv").write_text(text.replace("5.png,0", "5.png,maybe"))
    with refuses(CohortError, "line 7", "effusion", "'maybe'"):
        load_cohort(f"folder:{table}", findings="effusion,edema")


def test_a_finding_that_never_or_always_is_there_is_refused(table: Path, refuses) -> None:
    lines = (table / "metadata.csv").read_text().splitlines()
    (table / "metadata.csv").write_text("\n".join([lines[0], *(f"{i}.png,{i % 2},1,p{i},A" for i in range(24))]))
    with refuses(CohortError, "'edema' is never absent"):
        load_cohort(f"folder:{table}", findings="effusion,edema")


def test_classes_have_the_order_that_was_given(tmp_path: Path, refuses) -> None:
    for i in range(18):
        picture(tmp_path / ("none", "mild", "severe")[i % 3] / f"{i}.png", i)
    cohort = load_cohort(f"folder:{tmp_path}", ordinal="none,mild,severe", positive="mild")
    assert (cohort.task.kind, cohort.task.classes) == ("ordinal", ("none", "mild", "severe"))
    assert cohort.task.positive == 1
    assert cohort.cases[0].label == cohort.task.classes.index(cohort.cases[0].case_id.split("/")[0])
    for wrong in ("none,severe", "none,mild,severe,worst", "none,none,mild,severe"):
        with refuses(InputError, "mild, none, severe"):
            load_cohort(f"folder:{tmp_path}", ordinal=wrong)


def test_fourteen_findings_of_nih(tmp_path: Path, refuses) -> None:
    lines = ["Image Index,Finding Labels,Patient ID"]
    for i in range(12):
        picture(tmp_path / "images" / f"{i}.png", i)
        lines.append(f"{i}.png,{('Mass|Effusion', 'Effusion', 'No Finding')[i % 3]},{i // 2}")
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join(lines))
    cohort = load_cohort(f"nih-cxr14:{tmp_path}", task="multilabel", findings="Effusion,Mass")
    assert [case.marks for case in cohort.cases[:3]] == [(1, 1), (1, 0), (0, 0)]
    assert cohort.task.classes == ("Effusion", "Mass")
    with refuses(CohortError, "'Atelectasis' is never there"):
        load_cohort(f"nih-cxr14:{tmp_path}", task="multilabel")
    with refuses(InputError, "'Cold'"):
        load_cohort(f"nih-cxr14:{tmp_path}", task="multilabel", findings="Cold")
    assert load_cohort(f"nih-cxr14:{tmp_path}", positive="Mass").task.kind == "classification"


@pytest.mark.parametrize(
    ("uncertain", "n_cases", "marks"), [("ignore", 10, (-1, 1)), ("zero", 12, (0, 1)), ("one", 12, (1, 1))]
)
def test_uncertain_marks_of_chexpert(tmp_path: Path, uncertain: str, n_cases: int, marks: tuple[int, int]) -> None:
    lines = ["Path,Edema,Pleural Effusion"]
    cells = ("-1.0,1.0", "1.0,", "0.0,0.0", "1.0,1.0", ",1.0", "-1.0,-1.0")
    for i in range(12):
        name = f"train/patient{i:05d}/study1/view1_frontal.jpg"
        picture(tmp_path / name, i)
        lines.append(f"CheXpert-v1.0-small/{name},{cells[i % 6]}")
    (tmp_path / "train.csv").write_text("\n".join(lines))
    asked = {"task": "multilabel", "findings": "Edema,Pleural Effusion", "uncertain": uncertain}
    cohort = load_cohort(f"chexpert:{tmp_path}", **asked)
    assert len(cohort.cases) == n_cases
    assert cohort.cases[0].marks == marks
    assert cohort.cases[1].marks == (1, 0)


def test_a_split_keeps_the_rarest_finding_in_proportion() -> None:
    cohort = load_cohort("phantom:multilabel", n="600", size_px="8")
    split = split_by_patient(cohort, seed=0)
    parts = (split.development, split.tuning, split.test.open(reason="to count"))
    for k, name in enumerate(cohort.task.classes):
        fractions = [np.mean([case.marks[k] == 1 for case in part]) for part in parts]
        assert max(fractions) - min(fractions) < 0.12, name
    strata = strata_of(cohort.cases, cohort.task)
    rare = min(range(3), key=lambda k: sum(case.marks[k] == 1 for case in cohort.cases))
    assert all(s == 3 for s, case in zip(strata, cohort.cases, strict=True) if case.marks[rare] == 1)
    plain = load_cohort("phantom:ultrasound", n="12")
    assert strata_of(plain.cases, Task(classes=("a", "b"))) == [case.label for case in plain.cases]
