"""Folders of images, with class sub-folders or a metadata.csv."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import CohortError, InputError, PluginError
from bedside.data.sources import load_cohort

HEAD = "file,label,split,patient_id,group\n"


def image_at(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(path, "PNG")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight images, a.png to h.png."""
    place = tmp_path / "scans"
    for i, letter in enumerate("abcdefgh"):
        image_at(place / f"{letter}.png", 10 * i)
    return place


def rows(text: str, folder: Path) -> str:
    (folder / "metadata.csv").write_text(text, encoding="utf-8")
    return f"folder:{folder}"


def plain(*lines: str) -> str:
    return "file,label\n" + "\n".join(lines) + "\n"


GOOD = [f"{letter}.png,{'ill' if i % 2 else 'well'}" for i, letter in enumerate("abcdefgh")]


def test_every_sub_folder_is_a_class(tmp_path: Path) -> None:
    for name in ("ill/1.png", "ill/deep/2.PNG", "well/1.png", "well/2.png", ".hidden/1.png", "well/.thumb.png"):
        image_at(tmp_path / name)
    (tmp_path / "ill" / "notes.txt").write_text("no image")
    cohort = load_cohort(f"folder:{tmp_path}")
    assert cohort.task.classes == ("ill", "well")
    assert [case.case_id for case in cohort.cases] == ["ill/1.png", "ill/deep/2.PNG", "well/1.png", "well/2.png"]
    assert cohort.counts() == {"unassigned": {"ill": 2, "well": 2}}
    assert cohort.cases[0].image().shape == (4, 4)


@pytest.mark.parametrize(
    ("classes", "asked", "found"),
    [
        (("normal", "pneumonia"), None, "pneumonia"),
        (("abnormal", "normal"), None, "abnormal"),
        (("benign", "malignant"), None, "malignant"),
        (("a", "b"), None, "b"),
        (("a", "b"), "a", "a"),
    ],
)
def test_the_class_that_is_looked_for_is_not_the_healthy_one(
    tmp_path: Path, classes: tuple[str, ...], asked: str | None, found: str
) -> None:
    for name in classes:
        image_at(tmp_path / name / "1.png")
        image_at(tmp_path / name / "2.png")
    options = {"positive": asked} if asked else {}
    assert load_cohort(f"folder:{tmp_path}", **options).task.positive_name == found


def test_every_column_of_the_table_is_used(folder: Path) -> None:
    source = rows(
        HEAD + "a.png,ill,train,p1,g1\nb.png,well,training,p2,\nc.png,ill,VAL,p3,\nd.png,well,validation,,g2\n"
        "e.png,ill,test,p5,g3\nf.png,well,Test,p6,g3\ng.png,ill,dev,,\nh.png,well,tune,p8,\n",
        folder,
    )
    cohort = load_cohort(source)
    assert [case.part for case in cohort.cases] == ["development", "development", "tuning", "tuning", "test", "test",
                                                    "development", "tuning"]  # fmt: skip
    assert [case.patient_id for case in cohort.cases] == ["p1", "p2", "p3", None, "p5", "p6", None, "p8"]
    assert [case.group for case in cohort.cases] == ["g1", None, None, "g2", "g3", "g3", None, None]
    assert cohort.task.classes == ("ill", "well")
    assert cohort.task.positive_name == "well", "neither word is known to mean healthy: the last one, unless --positive"
    assert [int(case.image()[0, 0]) for case in cohort.cases] == [10 * i for i in range(8)]


def test_excels_utf8_mark_and_other_columns_are_borne(folder: Path) -> None:
    text = "\ufeffid,label,file\n" + "".join(
        f"{i},{'ill' if i % 2 else 'well'},{x}.png\n" for i, x in enumerate("abcd")
    )
    assert len(load_cohort(rows(text, folder)).cases) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (plain("absent.png,ill", "deep/,ill", "a.png,ill"), ("do not exist", "absent.png")),
        (plain(*GOOD, ",ill"), ("do not exist",)),
        (plain(*GOOD, GOOD[0]), ("more than once", "a.png")),
        (plain(*GOOD, "./a.png,well"), ("more than once", "a.png")),
        (plain(*GOOD, "a.png,well"), ("more than once", "a.png")),
        (plain(*GOOD[:4], "e.png,"), ("line 6", "no label")),
        (plain(*GOOD[:4], "e.png"), ("line 6", "no label")),
        ("label,file\nill\nwell,a.png\n", ("do not exist",)),
        ("label,file\nill\nwell\n", ("do not exist", "(blank)")),
        ("file,diagnosis\na.png,ill\n", ("no column label", "diagnosis")),
        ("file;label\na.png;ill\n", ("no column file, label",)),
        ("", ("no column file, label",)),
        ("file,label\n", ("nothing to tell apart",)),
        (plain("a.png,ill", "b.png,ill"), ("nothing to tell apart", "ill")),
        (plain("a.png,ill", "b.png,ill", "c.png,well"), ("'well' has 1",)),
        (HEAD + "a.png,ill,,p1,\nb.png,ill,,p1,\nc.png,well,,p2,\nd.png,well,,p3,\n", ("'ill' has 1", "at least 2")),
        (HEAD + "a.png,ill,,p1,g\nb.png,ill,,p2,g\nc.png,well,,p3,\nd.png,well,,p4,\n", ("'ill' has 1",)),
        (HEAD + "a.png,ill,holiday,,\nb.png,well,,,\n", ("line 2", "'holiday'", "test")),
        ('file,label\n"a.png,ill\x00\n', ("do not exist",)),
    ],
)
def test_a_malformed_table_is_refused(refuses, folder: Path, text: str, words: tuple[str, ...]) -> None:
    with refuses(CohortError, *words):
        load_cohort(rows(text, folder))


def test_a_table_that_is_not_utf8_is_refused(refuses, folder: Path) -> None:
    (folder / "metadata.csv").write_bytes(plain(*GOOD).encode("utf-16"))
    with refuses(CohortError, "metadata.csv", "UTF-8"):
        load_cohort(f"folder:{folder}")


def test_a_folder_without_images_is_refused(refuses, tmp_path: Path) -> None:
    (tmp_path / "ill").mkdir()
    (tmp_path / "ill" / "notes.txt").write_text("x")
    with refuses(CohortError, "metadata.csv"):
        load_cohort(f"folder:{tmp_path}")


def test_a_folder_that_is_not_there_is_refused(refuses, tmp_path: Path) -> None:
    with refuses(InputError, "not a folder"):
        load_cohort(f"folder:{tmp_path / 'absent'}")


def test_a_class_that_is_not_there_cannot_be_looked_for(refuses, folder: Path) -> None:
    with refuses(InputError, "'cat'", "ill, well"):
        load_cohort(rows(plain(*GOOD), folder), positive="cat")


@pytest.mark.parametrize("source", ["", "scans", "folder:", "/data/scans"])
def test_a_word_that_names_no_source_is_refused(refuses, source: str) -> None:
    with refuses(InputError, "does not name a source"):
        load_cohort(source)


def test_an_unknown_source_is_refused(refuses) -> None:
    with refuses(PluginError, "did you mean 'folder'"):
        load_cohort("foldr:scans")


def test_real_sets_load_with_their_patients(shared_data: Path) -> None:
    for name, n, kind in (("cxr_pneumonia_kermany", 2818, "patient"), ("us_breast_busi", 779, "group")):
        cohort = load_cohort(f"folder:{shared_data / name}")
        assert len(cohort.cases) == n
        assert set(cohort.counts()) == {"development", "tuning", "test"}
        assert all(tie.startswith(kind) for case in cohort.cases for tie in case.ties)


def test_further_columns_become_attributes(folder: Path) -> None:
    lines = [f"{line},{'f' if i % 2 else 'm'}, {40 + i} ," for i, line in enumerate(GOOD)]
    cohort = load_cohort(rows("file,label,sex,age,view\n" + "\n".join(lines) + "\n", folder))
    assert cohort.cases[1].attributes == (("age", "41"), ("sex", "f")), "trimmed, sorted, blanks left out"
    assert cohort.cases[0].attribute("sex") == "m"
    assert cohort.cases[0].attribute("view") is None
    plain_cohort = load_cohort(rows(plain(*GOOD), folder))
    assert plain_cohort.cases[0].attributes == ()


def test_a_file_that_lacks_and_one_of_another_kind_do_not_stop_the_rest(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/3.png", "b/4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 5), 50, np.uint8)).save(tmp_path / name)
    (tmp_path / "a" / "film.mp4").write_bytes(b"\0")
    cohort = load_cohort(f"folder:{tmp_path}")
    assert len(cohort.cases) == 4
    assert "clips:DIR" in cohort.quarantined["a/film.mp4"]
    rows = "a/1.png,a,m.png\na/2.png,a,a/1.png\na/9.png,a,\nb/3.png,b,\nb/4.png,b,\n"
    (tmp_path / "metadata.csv").write_text("file,label,mask\n" + rows)
    cohort = load_cohort(f"folder:{tmp_path}")
    assert [case.case_id for case in cohort.cases] == ["a/1.png", "a/2.png", "b/3.png", "b/4.png"]
    assert cohort.cases[0].mask_path is None
    assert "line 4" in cohort.quarantined["a/9.png"]
    assert "line 2" in cohort.quarantined["m.png"]
