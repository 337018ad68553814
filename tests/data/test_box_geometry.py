"""Boxes go where the pixels that they enclose go, and come back."""

import numpy as np
import pytest

from bedside.base.errors import ShapeError
from bedside.base.task import Task
from bedside.data.box_geometry import box_targets, placing_of
from bedside.data.boxes import Box
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.data.stacking import suit_preprocess

TASK = Task(classes=("a", "b"), positive=0, kind="detection")


@pytest.mark.parametrize("fit", ["letterbox", "squash"])
@pytest.mark.parametrize("size", [(60, 160), (200, 90), (64, 96), (31, 47)])
def test_a_box_encloses_the_same_pixels_after_the_preprocessing(fit: str, size: tuple[int, int]) -> None:
    preprocess = Preprocess(n_channels=1, height_px=64, width_px=96, fit=fit)
    height, width = size
    box = np.array([[width * 0.25, height * 0.5, width * 0.6, height * 0.9]]).round()
    image = np.zeros(size, np.uint8)
    x0, y0, x1, y1 = box[0].astype(int)
    image[y0:y1, x0:x1] = 255
    placing = placing_of(preprocess, height, width)
    moved = placing.forward(box)
    rows, columns = np.nonzero(preprocess.geometry(image)[0] > 127)
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(moved[0], found, atol=1.0)
    np.testing.assert_allclose(placing.back(moved), box, atol=1e-9)


def test_boxes_come_back_inside_the_image() -> None:
    preprocess = Preprocess(n_channels=1, height_px=64, width_px=64)
    back = placing_of(preprocess, 32, 128).back(np.array([[-5.0, 0, 64, 64]]))
    assert back.tolist() == [[0, 0, 128, 32]]


def test_targets_of_images_of_different_sizes(tmp_path) -> None:
    from PIL import Image

    path = tmp_path / "b.png"
    Image.fromarray(np.zeros((32, 64), np.uint8)).save(path)
    cases = (
        Case(case_id="a", label=0, pixels=np.zeros((64, 64), np.uint8)),
        Case(case_id="b", label=0, path=path, boxes=(Box(label=1, x0_px=8, y0_px=4, x1_px=16, y1_px=12),)),
    )
    rows = box_targets(cases, TASK, Preprocess(n_channels=1, height_px=32, width_px=32))
    assert rows.dtype == np.float32
    assert rows.tolist() == [[[-1, -1, -1, -1, -1]], [[1, 4, 10, 8, 14]]]
    assert box_targets(cases[:1], TASK, Preprocess(n_channels=1, height_px=32, width_px=32)).shape == (1, 0, 5)


@pytest.mark.parametrize("asked", [{"fit": "crop"}, {"fit": "foreground"}, {"spacing_mm": 0.5}])
def test_a_preprocessing_that_loses_objects_is_refused(refuses, asked: dict) -> None:
    with refuses(ShapeError, "boxes cannot follow"):
        placing_of(Preprocess(n_channels=1, height_px=32, width_px=32, **asked), 40, 50)


@pytest.mark.parametrize(("size", "wanted"), [((50, 60), (64, 64)), ((100, 300), (160, 160)), ((70, 70), (80, 80))])
def test_sides_are_what_the_networks_can_halve(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    cases = tuple(Case(case_id=str(i), label=0, pixels=np.zeros(size, np.uint8)) for i in range(3))
    found = suit_preprocess(Cohort(name="n", task=TASK, cases=cases, source="s"), image_px=155)
    assert (found.height_px, found.width_px) == wanted
