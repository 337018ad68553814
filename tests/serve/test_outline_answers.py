"""Maps become masks on the grid of the image, with areas."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import ImageError, InputError
from bedside.base.task import Task
from bedside.data.preprocess import Preprocess
from bedside.serve.answers import ANSWERS, Block, Waiting
from bedside.serve.mask_files import prepare_masks, write_mask
from bedside.serve.prediction import Prediction
from bedside.serve.volume_outlines import refuse_slice
from bedside.verify.operating_point import OperatingPoint

TASK = Task(classes=("background", "lesion"), kind="segmentation")
POINT = OperatingPoint(temperature=1.0, threshold_prob=0.4, positive=1, rule="made")
PREPROCESS = Preprocess(n_channels=1, height_px=32, width_px=32)


def answered(*, refer: str = "", spacing=None, lesion: bool = True, file: str = "scan.png") -> Prediction:
    logits = np.zeros((1, 2, 32, 32), np.float32)
    logits[0, 0] = 4.0
    if lesion:
        logits[0, 1, 12:20, 8:16] = 8.0
    raw = np.zeros((64, 128), np.uint8)  # letterboxed by 4: rows 8 to 24 of the grid
    item = Waiting(file, raw, PREPROCESS.geometry(raw), logits, spacing)
    block = Block(task=TASK, point=POINT, items=(item,), refers=(refer,), preprocess=PREPROCESS)
    return ANSWERS.get("segmentation")(block)[0]


def test_the_mask_lies_on_the_image_itself() -> None:
    found = answered()
    assert found.mask is not None
    assert found.mask.shape == (64, 128)
    rows, columns = np.nonzero(found.mask)
    assert abs(rows.mean() - (16 - 8) * 4) < 2
    assert abs(columns.mean() - 12 * 4) < 2
    assert found.mask.sum() == pytest.approx(32 * 32, rel=0.15)
    assert (found.called, found.is_positive, found.marks) == ("lesion", True, ("lesion",))
    assert found.probability == pytest.approx(1 / (1 + np.exp(-4)))


def test_areas_are_in_mm_where_the_spacing_is_known() -> None:
    in_px, in_mm = answered().measures[0], answered(spacing=(0.5, 0.25)).measures[0]
    assert in_px[0] == in_mm[0] == "area of lesion"
    assert (in_px[2], in_mm[2]) == ("px", "mm²")
    assert in_mm[1] == pytest.approx(in_px[1] / 8)


def test_nothing_outlined_is_background() -> None:
    found = answered(lesion=False)
    assert (found.called, found.is_positive, found.marks) == ("background", False, ())
    assert found.measures[0][1] == 0
    assert found.mask is not None
    assert not found.mask.any()


def test_a_referred_image_gets_no_mask_that_could_be_taken_for_an_answer() -> None:
    found = answered(refer="unlike the images of training")
    assert (found.called, found.is_positive, found.mask, found.measures) == ("refer", None, None, ())


def test_a_mask_is_written_as_black_and_white(tmp_path: Path) -> None:
    prepare_masks([Path("scan.png")], tmp_path / "masks")
    path = write_mask(answered(), tmp_path / "masks")
    assert path == tmp_path / "masks" / "scan.png"
    assert path is not None
    with Image.open(path) as picture:
        values = np.asarray(picture)
    assert values.shape == (64, 128)
    assert set(np.unique(values)) == {0, 255}
    assert write_mask(answered(refer="odd", file="b.png"), tmp_path / "masks") is None
    assert [p.name for p in (tmp_path / "masks").iterdir()] == ["scan.png"]


def test_masks_never_take_the_place_of_each_other_or_of_an_image(refuses, tmp_path: Path) -> None:
    with refuses(InputError, "scan.png"):
        prepare_masks([Path("a/scan.png"), Path("b/scan.jpg")], tmp_path)
    with refuses(InputError, "take its place"):
        prepare_masks([tmp_path / "scan.png"], tmp_path)


def test_one_slice_is_no_volume(refuses) -> None:
    refuse_slice(Path("series"), np.zeros((2, 9, 9), np.uint8))
    with refuses(ImageError, "1.dcm", "1 x 9 x 9", "whole series"):
        refuse_slice(Path("1.dcm"), np.zeros((1, 9, 9), np.uint8))
