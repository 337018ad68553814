"""Sources of clinical files: DICOM folders, NIH ChestX-ray14, CheXpert."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import CohortError, InputError
from bedside.data.audit import audit_cohort
from bedside.data.sources import load_cohort
from bedside.data.sources.dicom_unlabelled import load_unlabelled
from bedside.data.survey import survey_cohort

Folder = Callable[..., Path]


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1000, (12, 10)).astype(np.int16)


@pytest.fixture
def folder(slice_file, tmp_path: Path) -> Path:
    """Eight instances of four patients, one report, one text file and a truncated image."""
    lines = ["file,label,split"]
    for i in range(8):
        slice_file(f"{i}.dcm", i, noise(i), PatientID=f"Name^{i // 2}", SeriesInstanceUID=f"1.2.{i}",
                   SOPInstanceUID=f"1.9.{i}")  # fmt: skip
        lines.append(f"{i}.dcm,{'ill' if i // 2 % 2 else 'healthy'},{'train' if i < 4 else 'test'}")
    slice_file("report.dcm", 0, noise(0), lacking=("PixelData", "Rows"))
    whole = slice_file("cut.dcm", 0, noise(9), PatientID="Name^9").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:-100])
    (tmp_path / "readme.txt").write_text("scans of four people")
    lines += ["report.dcm,ill,train", "cut.dcm,ill,train", "gone.dcm,ill,train"]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    return tmp_path


def test_instances_are_labelled_and_patients_are_not_named(folder: Path) -> None:
    cohort = load_cohort(f"dicom:{folder}", positive="ill")
    assert cohort.task.classes == ("healthy", "ill")
    assert cohort.modality == "CT"
    sound = [case for case in cohort.cases if case.case_id != "cut.dcm"]
    assert [case.label for case in sound] == [0, 0, 1, 1, 0, 0, 1, 1]
    assert len({case.patient_id for case in sound}) == 4
    assert not any("Name" in f"{case.patient_id}{case.group}{case.case_id}" for case in cohort.cases)
    assert [case.part for case in sound] == ["development"] * 4 + ["test"] * 4


def test_every_bad_file_is_in_a_list_with_its_reason(folder: Path) -> None:
    cohort = load_cohort(f"dicom:{folder}")
    reasons = dict(cohort.quarantined)
    assert "holds no image" in reasons["report.dcm"]
    assert "readme.txt" in reasons
    assert "gone.dcm" in reasons["labels.csv line 12"]
    assert "labels.csv line 10" not in reasons, "the report is there; that it is no image is said once"
    usable, audit = audit_cohort(cohort, policy="allow")
    assert "cut.dcm" in audit.unreadable["cut.dcm"]
    assert audit.unreadable.keys() == reasons.keys() | {"cut.dcm"}
    assert len(usable.cases) == 8


def test_a_folder_is_looked_at_before_it_is_labelled(refuses, folder: Path) -> None:
    (folder / "labels.csv").unlink()
    survey, montage = survey_cohort(load_unlabelled(str(folder)))
    assert survey.counts == {"unassigned": {"unlabelled": 9, "labelled": 0}}
    assert survey.modalities == {"CT": 8}
    assert survey.audit.unreadable.keys() == {"cut.dcm", "readme.txt", "report.dcm"}
    assert montage.any()
    with refuses(InputError, "labels.csv"):
        load_cohort(f"dicom:{folder}")


@pytest.mark.parametrize(
    ("column", "value"),
    [("sop_instance_uid", "1.9.{}"), ("series_instance_uid", "1.2.{}")],
)
def test_labels_may_name_instances_or_series(folder: Path, tmp_path: Path, column: str, value: str) -> None:
    table = tmp_path / "uids.csv"
    table.write_text("\n".join([f"{column},label", *(f"{value.format(i)},{'ab'[i // 2 % 2]}" for i in range(8))]))
    cohort = load_cohort(f"dicom:{folder}", labels=str(table))
    assert {case.case_id for case in cohort.cases} == {f"{i}.dcm" for i in range(8)}
    assert "cut.dcm" in cohort.quarantined, "it has no row"


def test_labels_may_name_patients(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    table.write_text("\n".join(["patient_id,label", *(f"Name^{p},{'ab'[p % 2]}" for p in range(4))]))
    assert len(load_cohort(f"dicom:{folder}", labels=str(table)).cases) == 8


def test_a_loop_gives_its_middle_frame_or_all(dicom_file, tmp_path: Path) -> None:
    lines = ["file,label"]
    for i in range(4):
        dicom_file(
            np.stack([noise(10 * i + t) for t in range(5)]), name=f"{i}.dcm", NumberOfFrames=5, PatientID=f"p{i}"
        )
        lines.append(f"{i}.dcm,{'ab'[i % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    assert [case.frame for case in load_cohort(f"dicom:{tmp_path}").cases] == [2] * 4
    every = load_cohort(f"dicom:{tmp_path}", frames="all").cases
    assert len(every) == 20
    assert len({case.patient_id for case in every}) == 4
    assert (every[0].image() != every[1].image()).any()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("file,label\n0.dcm,a\n0.dcm,b\n", "repeats"),
        ("file,label\n0.dcm,\n", "line 2"),
        ("name,label\n0.dcm,a\n", "no column that names images"),
        ("file\n0.dcm\n", "label"),
        ("file,label,split\n0.dcm,a,trian\n", "trian"),
        ("file,label\nx.dcm,a\n", "no DICOM image"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(refuses, folder: Path, text: str, word: str) -> None:
    (folder / "labels.csv").write_text(text)
    with refuses(CohortError, "labels.csv", word):
        load_cohort(f"dicom:{folder}")


def test_a_missing_table_is_refused(refuses, folder: Path) -> None:
    with refuses(InputError, "--labels"):
        load_cohort(f"dicom:{folder}", labels=str(folder / "absent.csv"))


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 10), np.uint8)).save(path)


@pytest.fixture
def cxr14(tmp_path: Path) -> Path:
    lines = ["Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"]
    for i in range(12):
        findings = ("No Finding", "Mass|Effusion", "Mass")[i % 3]
        lines.append(f"{i}.png,{findings},0,{i // 3},50,F,{'AP' if i == 5 else 'PA'}")
        if i != 7:
            picture(tmp_path / "images" / f"{i}.png", i)
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text("\n".join(lines))
    return tmp_path


def test_one_finding_is_asked_against_its_absence(cxr14: Path) -> None:
    cohort = load_cohort(f"nih-cxr14:{cxr14}", positive="Effusion")
    assert cohort.task.classes == ("no Effusion", "Effusion")
    assert [case.case_id for case in cohort.cases if case.label] == ["1.png", "4.png", "10.png"]
    assert list(cohort.quarantined) == ["7.png"]
    assert sum(case.label for case in load_cohort(f"nih-cxr14:{cxr14}").cases) == 7
    assert "5.png" not in {case.case_id for case in load_cohort(f"nih-cxr14:{cxr14}", view="PA").cases}


def test_the_official_lists_make_the_parts(cxr14: Path, refuses) -> None:
    (cxr14 / "train_val_list.txt").write_text("\n".join(f"{i}.png" for i in range(6)))
    with refuses(CohortError, "test_list.txt"):
        load_cohort(f"nih-cxr14:{cxr14}")
    (cxr14 / "test_list.txt").write_text("\n".join(f"{i}.png" for i in range(6, 12)))
    cohort = load_cohort(f"nih-cxr14:{cxr14}")
    assert {case.part for case in cohort.cases} == {"development", "test"}


def test_what_is_not_nih_is_refused(cxr14: Path, refuses, tmp_path: Path) -> None:
    with refuses(InputError, "Cough"):
        load_cohort(f"nih-cxr14:{cxr14}", positive="Cough")
    (tmp_path / "empty").mkdir()
    with refuses(CohortError, "Data_Entry_2017.csv"):
        load_cohort(f"nih-cxr14:{tmp_path / 'empty'}")
    table = cxr14 / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text().replace("Mass|Effusion", "Mass|Cough"))
    with refuses(CohortError, "Cough", "line 3"):
        load_cohort(f"nih-cxr14:{cxr14}")


@pytest.fixture
def chexpert(tmp_path: Path) -> Path:
    lines = ["Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema"]
    for i in range(12):
        view = "lateral" if i == 9 else "frontal"
        name = f"train/patient{i // 2:05d}/study1/view{i % 2}_{view}.jpg"
        picture(tmp_path / name, i)
        cell = ("1.0", "0.0", "-1.0", "")[i % 4]
        lines.append(f"CheXpert-v1.0-small/{name},Male,60,{view.title()},AP,,{cell}")
    (tmp_path / "train.csv").write_text("\n".join(lines))
    return tmp_path


@pytest.mark.parametrize(("uncertain", "n", "n_ill"), [("ignore", 8, 3), ("zero", 11, 3), ("one", 11, 6)])
def test_uncertain_labels_are_what_was_asked(chexpert: Path, uncertain: str, n: int, n_ill: int) -> None:
    cohort = load_cohort(f"chexpert:{chexpert}", positive="Edema", uncertain=uncertain)
    assert (len(cohort.cases), sum(case.label for case in cohort.cases)) == (n, n_ill)
    assert cohort.cases[0].patient_id == "patient00000"
    assert {case.part for case in cohort.cases} == {None}


def test_what_is_not_chexpert_is_refused(chexpert: Path, refuses) -> None:
    for options in ({"positive": "Cough"}, {"positive": "Edema", "uncertain": "maybe"}):
        with refuses(InputError):
            load_cohort(f"chexpert:{chexpert}", **options)
    with refuses(CohortError, "no column Pneumonia"):
        load_cohort(f"chexpert:{chexpert}", positive="Pneumonia")
    (chexpert / "train.csv").rename(chexpert / "training.csv")
    with refuses(CohortError, "looked for train.csv"):
        load_cohort(f"chexpert:{chexpert}", positive="Edema")
