"""Folders of images and masks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import CohortError, InputError
from bedside.data.label_masks import label_mask
from bedside.data.sources import load_cohort


def picture(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    for i in range(4):
        picture(tmp_path / "images" / f"{i}.png", np.full((10, 12), 10 * i, np.uint8))
        mask = np.zeros((10, 12), np.uint8)
        mask[2 : 2 + i] = 255
        picture(tmp_path / "masks" / f"{i}.png", mask)
    return tmp_path


def test_two_folders_of_equal_names(pairs: Path) -> None:
    cohort = load_cohort(f"masks:{pairs}")
    assert cohort.task.kind == "segmentation"
    assert cohort.task.classes == ("background", "lesion")
    assert [case.label for case in cohort.cases] == [0, 1, 1, 1]
    assert [int(label_mask(case, cohort.task).sum()) for case in cohort.cases] == [0, 12, 24, 36]


def test_masks_in_a_column_of_another_name(pairs: Path) -> None:
    (pairs / "metadata.csv").write_text("file,labels,stain\nimages/1.png,masks/1.png,he\n")
    with pytest.raises(CohortError, match="no column mask") as refused:
        load_cohort(f"masks:{pairs}")
    assert "it has: file, labels, stain; where masks" in refused.value.hint
    (case,) = load_cohort(f"masks:{pairs}", mask_column="labels").cases
    assert case.mask_path == pairs / "masks" / "1.png"
    assert case.attributes == (("stain", "he"),)


def test_a_table(pairs: Path) -> None:
    (pairs / "metadata.csv").write_text(
        "image,mask,split,patient_id,group,site\nimages/1.png,masks/1.png,train,p1,g1,north\n"
        "images/2.png,masks/2.png,test,p2,,\n"
    )
    cohort = load_cohort(f"masks:{pairs}", classes="background,polyp")
    first, second = cohort.cases
    assert (first.part, first.patient_id, first.group, first.attribute("site")) == ("development", "p1", "g1", "north")
    assert (second.part, second.group) == ("test", None)
    assert cohort.task.positive_name == "polyp"


def test_label_numbers_make_classes(pairs: Path) -> None:
    for i in range(4):
        mask = np.zeros((10, 12), np.uint8)
        mask[0], mask[1] = 1, min(i, 2)
        picture(pairs / "masks" / f"{i}.png", mask)
    cohort = load_cohort(f"masks:{pairs}")
    assert cohort.task.classes == ("background", "label 1", "label 2")
    assert label_mask(cohort.cases[3], cohort.task).max() == 2


def test_what_cannot_be_used_is_quarantined_with_its_reason(pairs: Path) -> None:
    picture(pairs / "masks" / "0.png", np.zeros((9, 12), np.uint8))
    picture(pairs / "masks" / "1.png", np.full((10, 12), 7, np.uint8))
    (pairs / "masks" / "2.png").write_bytes(b"not a picture")
    picture(pairs / "images" / "lonely.png", np.zeros((10, 12), np.uint8))
    picture(pairs / "masks" / "orphan.png", np.zeros((10, 12), np.uint8))
    cohort = load_cohort(f"masks:{pairs}")
    assert [case.case_id for case in cohort.cases] == ["images/3.png"]
    assert "(9, 12)" in cohort.quarantined["images/0.png"]
    assert "values up to 7" in cohort.quarantined["images/1.png"]
    assert set(cohort.quarantined) == {
        "images/0.png", "images/1.png", "images/2.png", "images/lonely.png", "masks/orphan.png"
    }  # fmt: skip


def test_a_label_beyond_the_named_classes_is_quarantined(pairs: Path) -> None:
    for i in range(4):
        picture(pairs / "masks" / f"{i}.png", np.full((10, 12), i, np.uint8))
    cohort = load_cohort(f"masks:{pairs}", classes="background,a,b")
    assert list(cohort.quarantined) == ["images/3.png"]
    assert "label 3" in cohort.quarantined["images/3.png"]


def test_another_layout_is_refused_by_name(refuses, pairs: Path, tmp_path: Path) -> None:
    with refuses(InputError, "nowhere"):
        load_cohort(f"masks:{tmp_path}/nowhere")
    (pairs / "images").rename(pairs / "pictures")
    with refuses(CohortError, "images/ and masks/"):
        load_cohort(f"masks:{pairs}")
    (pairs / "metadata.csv").write_text("picture,outline\n1.png,2.png\n")
    with refuses(CohortError, "mask"):
        load_cohort(f"masks:{pairs}")


def test_rows_that_name_nothing_or_twice_are_refused(refuses, pairs: Path) -> None:
    (pairs / "metadata.csv").write_text("file,mask\nimages/1.png,masks/1.png\nimages/1.png,masks/2.png\n")
    with refuses(CohortError, "line 3"):
        load_cohort(f"masks:{pairs}")
    (pairs / "metadata.csv").write_text("file,mask\n,masks/1.png\n")
    with refuses(CohortError, "line 2"):
        load_cohort(f"masks:{pairs}")
    (pairs / "metadata.csv").write_text("file,mask\nimages/1.png,masks/9.png\n")
    with refuses(CohortError, "no file masks/9.png"):
        load_cohort(f"masks:{pairs}")


@pytest.mark.parametrize(
    ("name", "parts"), [("endo_polyp_kvasir", (700, 100, 200)), ("us_breast_busi", (540, 84, 155))]
)
def test_real_cohorts(shared_data: Path, name: str, parts: tuple[int, ...]) -> None:
    folder = shared_data / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    cohort = load_cohort(f"masks:{folder}", classes="background,lesion")
    found = tuple(sum(case.part == part for case in cohort.cases) for part in ("development", "tuning", "test"))
    assert found == parts
    assert not cohort.quarantined
    n_empty = sum(case.label == 0 for case in cohort.cases)
    assert n_empty == (133 if name == "us_breast_busi" else 0)
    shown = cohort.cases[::200]
    assert all(label_mask(case, cohort.task).any() == bool(case.label) for case in shown)


def test_numbers_of_objects_are_one_class_if_one_says_so(refuses, pairs: Path) -> None:
    for i in range(4):
        mask = np.zeros((10, 12), np.uint16)
        mask[: 2 * i, ::2] = 40 * np.arange(6) + 1
        picture(pairs / "masks" / f"{i}.png", mask)
    with refuses(CohortError, "instances=yes"):
        load_cohort(f"masks:{pairs}")
    cohort = load_cohort(f"masks:{pairs}", instances="yes", classes="background,nucleus")
    assert cohort.task.positive_name == "nucleus"
    assert not cohort.quarantined
    assert [int(label_mask(case, cohort.task).sum()) for case in cohort.cases] == [0, 12, 24, 36]
    drawn = [case.mask() for case in cohort.cases]
    assert [int(mask.sum()) for mask in drawn if mask is not None] == [0, 12, 24, 36]
    assert len({case.digest() for case in cohort.cases}) == 4
    with refuses(InputError, "instances=yes"):
        load_cohort(f"masks:{pairs}", instances="yes", classes="background,a,b")


@pytest.mark.parametrize("form", ["palette", "16 bits", "array"])
def test_numbers_stay_numbers_however_the_mask_is_kept(pairs: Path, form: str) -> None:
    for i in range(4):
        mask = np.zeros((10, 12), np.uint8)
        mask[0], mask[1] = 1, 2
        place = pairs / "masks" / f"{i}.png"
        if form == "palette":
            kept = Image.fromarray(mask, mode="P")
            kept.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])  # the colours of Pascal VOC
            kept.save(place)
        elif form == "16 bits":
            picture(place, mask.astype(np.uint16))
        else:
            place.unlink()
            np.save(pairs / "masks" / f"{i}.npy", mask.astype(np.int32))
    if form == "array":
        rows = "".join(f"images/{i}.png,masks/{i}.npy\n" for i in range(4))
        (pairs / "metadata.csv").write_text("file,mask\n" + rows)
    cohort = load_cohort(f"masks:{pairs}")
    assert cohort.task.n_classes == 3
    assert np.bincount(label_mask(cohort.cases[2], cohort.task).ravel()).tolist() == [96, 12, 12]


def test_a_mask_of_negative_numbers_is_quarantined(pairs: Path) -> None:
    np.save(pairs / "bad.npy", np.full((10, 12), -1))
    (pairs / "metadata.csv").write_text("file,mask\nimages/1.png,masks/1.png\nimages/2.png,bad.npy\n")
    assert "-1" in load_cohort(f"masks:{pairs}").quarantined["images/2.png"]
