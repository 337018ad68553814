"""``npz:FILE``: what is read, and what is refused by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bedside.base.errors import CohortError, InputError
from bedside.data.sources import load_cohort

PIXELS = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6)


def written(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "set.npz", **({"images": PIXELS, "labels": np.array([0, 1, 1, 0])} | arrays))
    return f"npz:{folder / 'set.npz'}"


def test_numbers_take_their_names_from_the_file_or_the_option(tmp_path: Path) -> None:
    source = written(tmp_path, classes=np.array(["normal", "nodule"]), split=np.array(["train", "val", "test", ""]))
    cohort = load_cohort(source)
    assert cohort.task.classes == ("normal", "nodule")
    assert cohort.task.positive == 1
    assert [case.part for case in cohort.cases] == ["development", "tuning", "test", None]
    assert [case.label for case in cohort.cases] == [0, 1, 1, 0]
    np.testing.assert_array_equal(cohort.cases[2].image(), PIXELS[2])
    assert load_cohort(source, classes="a,b", positive="a").task.positive_name == "a"
    assert load_cohort(source, ordinal="none,some").task.kind == "ordinal"


def test_labels_that_are_text_name_themselves(tmp_path: Path) -> None:
    cohort = load_cohort(written(tmp_path, labels=np.array(["wet", "dry", "wet", "dry"]), group=np.array(list("aabb"))))
    assert cohort.task.classes == ("dry", "wet")
    assert [case.label for case in cohort.cases] == [1, 0, 1, 0]
    assert [case.group for case in cohort.cases] == ["a", "a", "b", "b"]


def test_colour_and_other_numbers_are_read(tmp_path: Path) -> None:
    colour = np.repeat(PIXELS[..., None], 3, axis=3).astype(np.float32)
    assert load_cohort(written(tmp_path, images=colour)).cases[1].image().shape == (5, 6, 3)


@pytest.mark.parametrize(
    ("arrays", "word"),
    [
        ({"images": PIXELS[0]}, "images is"),
        ({"images": PIXELS.astype(np.float64) * np.nan}, "NaN"),
        ({"images": PIXELS.astype(np.int32) * 9}, "lies in"),
        ({"labels": np.array([0, 1])}, "labels is"),
        ({"labels": np.array([0.5, 1, 0, 1])}, "labels is"),
        ({"labels": np.array([0, 1, -1, 0])}, "labels lie in"),
        ({"labels": np.array([0, 1, 2, 0]), "classes": np.array(["a", "b"])}, "labels lie in"),
        ({"labels": np.array(list("abca")), "classes": np.array(["a", "b"])}, "a label is 'c'"),
        ({"labels": np.array([{}, 1, 0, 1], object)}, "labels cannot be read"),
        ({"split": np.array(["train", "exam", "", ""])}, "image 1"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, arrays: dict[str, Any], word: str) -> None:
    with pytest.raises(CohortError, match=word):
        load_cohort(written(tmp_path, **arrays))


def test_other_arrays_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", train_images=PIXELS)
    with pytest.raises(CohortError, match="train_images") as caught:
        load_cohort(f"npz:{tmp_path / 'other.npz'}")
    assert "medmnist" in str(caught.value.hint)


def test_damage_and_absence_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        load_cohort(f"npz:{tmp_path / 'none.npz'}")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04cut")
    with pytest.raises(CohortError, match="not a readable npz"):
        load_cohort(f"npz:{tmp_path / 'cut.npz'}")
