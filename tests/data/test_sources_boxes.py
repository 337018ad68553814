"""Sources with boxes: their corners, their parts, and what is set aside with which reason."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contracts"))

from box_folders import BOMB, HEIGHT, WIDTH, box_tables, coco_folder, rsna_folder, voc_folder, voc_xml

from bedside.base.errors import CohortError
from bedside.data.cohort import Cohort
from bedside.data.sources import load_cohort


def corners(cohort: Cohort, case_id: str) -> list[tuple[str, float, float, float, float]]:
    case = next(case for case in cohort.cases if case.case_id == case_id)
    return [(cohort.task.classes[b.label], b.x0_px, b.y0_px, b.x1_px, b.y1_px) for b in case.boxes]


def test_tables(tmp_path: Path) -> None:
    cohort = load_cohort(f"boxes:{box_tables(tmp_path)}", positive="plate")
    assert cohort.task.kind == "detection"
    assert cohort.task.positive_name == "plate"
    assert corners(cohort, "images/0.png") == [("plate", 0, 2, 10, 12), ("cell", 30, 20, WIDTH, HEIGHT)]
    assert corners(cohort, "images/4.png") == [], "an image without objects is a case"
    assert [case.part for case in cohort.cases] == ["development", "development", "tuning", "test", "test"]
    assert (cohort.cases[1].patient_id, cohort.cases[1].attributes) == ("p1", (("sex", "f"),))
    reasons = dict(cohort.quarantined)
    assert "not an image" in reasons["images/5.png"]
    assert "outside the picture" in reasons["images/1.png: boxes.csv line 7"]
    assert "has no area" in reasons["images/2.png: boxes.csv line 8"]
    assert "nan" in reasons["images/3.png: boxes.csv line 9"]
    assert "images/9.png is not in metadata.csv" in reasons["boxes.csv line 10"]
    assert "no label" in reasons["boxes.csv line 11"]
    assert len(reasons) == 6


def test_real_blood_cells(shared_data: Path) -> None:
    cohort = load_cohort(f"boxes:{shared_data / 'micro_bccd_detection'}")
    assert cohort.task.classes == ("Platelets", "RBC", "WBC")
    counts = [sum(box.label == k for case in cohort.cases for box in case.boxes) for k in range(3)]
    assert counts == [361, 4153, 372]
    assert [sum(case.part == part for case in cohort.cases) for part in ("development", "tuning", "test")] == [
        205,
        87,
        72,
    ]
    assert not cohort.quarantined


def test_coco(tmp_path: Path) -> None:
    cohort = load_cohort(f"coco:{coco_folder(tmp_path)}")
    assert cohort.task.classes == ("nodule", "mass"), "by number, without the category that nothing uses"
    assert corners(cohort, "train2017/000000000001.jpg") == [("mass", 3.5, 2, 15.5, 13)]
    parts = {case.case_id: case.part for case in cohort.cases}
    assert parts["train2017/000000000000.jpg"] == "development"
    assert parts["val2017/000000000000.jpg"] == "test", "val is what is held out where there is no test list"
    assert cohort.licence == "CC BY 4.0"
    reasons = " | ".join(f"{name}: {why}" for name, why in cohort.quarantined.items())
    for words in ("crowd", "has no area", "image 99 is not in the list", "category 55", "no bbox of four numbers",
                  "gone.jpg", "its annotation says 99 x 99 px, the picture is 40 x 30 px"):  # fmt: skip
        assert reasons.count(words) >= 2, f"{words!r} once a list in {reasons}"


def test_coco_with_lists_beside_their_images(tmp_path: Path) -> None:
    whole = coco_folder(tmp_path / "whole")
    for name, part in (("train", "train2017"), ("valid", "val2017"), ("test", "val2017")):
        (whole / part).rename(tmp_path / name) if name != "test" else (tmp_path / "test").mkdir()
        content = json.loads((whole / "annotations" / f"instances_{part}.json").read_text())
        (tmp_path / name / "_annotations.coco.json").write_text(json.dumps(content))
    cohort = load_cohort(f"coco:{tmp_path}")
    assert {case.part for case in cohort.cases} == {"development", "tuning"}, "no picture of the test is there"
    assert sum(name.startswith("test/") for name in cohort.quarantined) == 5


@pytest.mark.parametrize("content", ["[1, 2", "[]", '{"images": {}, "annotations": [], "categories": []}'])
def test_json_that_is_not_coco_is_refused(tmp_path: Path, refuses, content: str) -> None:
    (tmp_path / "instances.json").write_text(content)
    with refuses(CohortError, "instances.json"):
        load_cohort(f"coco:{tmp_path}")


def test_voc(tmp_path: Path) -> None:
    cohort = load_cohort(f"voc:{voc_folder(tmp_path)}")
    assert corners(cohort, "2007_000001") == [("screw", 0, 0, 20, 10), ("bolt", 4, 4, 15, 25)]
    assert [case.part for case in cohort.cases] == ["development"] * 3 + ["tuning"] * 2 + ["test"]
    assert "document type" in cohort.quarantined["2007_000006.xml"]
    assert "well-formed" in cohort.quarantined["2007_000007.xml"]
    assert (
        "cannot be opened" in cohort.quarantined["2007_000008"] or "No such file" in cohort.quarantined["2007_000008"]
    )
    easy = load_cohort(f"voc:{tmp_path}", difficult="no", pixels="from-0")
    assert corners(easy, "2007_000001") == [("screw", 1, 1, 20, 10)]


def test_entities_are_refused_before_they_grow(tmp_path: Path) -> None:
    from bedside.data.sources.safe_xml import read_xml

    path = tmp_path / "a.xml"
    for text in (
        voc_xml("a.jpg", [], BOMB),
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "<a>" * 40 + "</a>" * 40,
        "<a>&unknown;</a>",
        "",
    ):
        path.write_text(text)
        with pytest.raises(CohortError):
            read_xml(path)
    path.write_text("<a><b> 1 &amp; 2 </b></a>")
    assert read_xml(path).find("b") == "1 & 2"


def test_rsna(tmp_path: Path) -> None:
    cohort = load_cohort(f"rsna-pneumonia:{rsna_folder(tmp_path)}")
    assert corners(cohort, "0004cfab-0") == [("lung opacity", 5, 4, 15, 16), ("lung opacity", 22, 4, 34, 24)]
    assert corners(cohort, "0004cfab-1") == []
    assert corners(cohort, "0004cfab-2") == [("lung opacity", 30, 20, WIDTH, HEIGHT)]
    assert cohort.cases[1].attribute("finding") == "Normal"
    assert "Target '0'" in cohort.quarantined["stage_2_train_labels.csv line 7"]
    assert "gone" in cohort.quarantined
    assert {case.part for case in cohort.cases} == {None}


@pytest.mark.parametrize(
    ("source", "words"),
    [("boxes", "boxes.csv"), ("coco", "instances_LIST.json"), ("voc", "JPEGImages"), ("rsna-pneumonia", "stage_2")],
)
def test_another_layout_is_refused_by_what_was_looked_for(tmp_path: Path, refuses, source: str, words: str) -> None:
    (tmp_path / "readme.txt").write_text("nothing to see")
    with refuses(CohortError, words):
        load_cohort(f"{source}:{tmp_path}")


def test_foci_are_where_their_boxes_are() -> None:
    for case in load_cohort("phantom:detection", n="12").cases:
        image = case.image().astype(float)
        for box in case.boxes:
            inside = image[int(box.y0_px) : int(np.ceil(box.y1_px)), int(box.x0_px) : int(np.ceil(box.x1_px))]
            assert inside.mean() > image.mean() + 10
