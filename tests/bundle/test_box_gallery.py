"""Pictures of detections: the worst first, truth in blue, what was found in orange."""

import numpy as np

from bedside.base.task import Task
from bedside.bundle.box_gallery import drawn_on
from bedside.bundle.gallery import GalleryJob, gallery_of
from bedside.data.preprocess import Preprocess
from bedside.runtime.box_maps import LOG_SIZE_UNIT, base_size_px
from bedside.verify.detecting import Detections
from bedside.verify.judge import Truth
from bedside.verify.operating_point import OperatingPoint

BLUE, ORANGE = (0, 114, 178), (230, 159, 0)
TASK = Task(classes=("mass", "cyst"), positive=0, kind="detection")


class NoSession:
    def run(self, inputs):
        raise AssertionError("a gallery of boxes needs no further run")


def job() -> GalleryJob:
    """Four images with one mass each; the model finds it in the first two, and a cyst beside it in the second."""
    maps, rows = np.zeros((4, 6, 16, 16), np.float32), np.full((4, 1, 5), -1.0, np.float32)
    maps[:, :2] = -8
    maps[:, 4:] = np.log(16 / base_size_px(16, 16)) / LOG_SIZE_UNIT
    rows[:, 0] = [0, 14, 14, 30, 30]
    maps[:2, 0, 5, 5] = 3
    maps[1, 1, 12, 12] = 2
    point = OperatingPoint(
        temperature=1.0, threshold_prob=0.5, positive=0, rule="r", link="sigmoid", thresholds_prob=(0.5, 0.5)
    )
    return GalleryJob(
        images=np.full((4, 1, 64, 64), 90, np.uint8), truth=Truth(task=TASK, targets=rows, units=tuple("abcd")),
        outputs=maps, point=point, session=NoSession(), preprocess=Preprocess(n_channels=1, height_px=64, width_px=64),
    )  # fmt: skip


def test_the_worst_images_come_first_and_are_counted() -> None:
    items = gallery_of(job())
    assert [item.kind for item in items] == ["miss", "miss", "miss", "hit"]
    assert [item.note for item in items] == ["0 found, 1 missed, 0 false"] * 2 + [
        "1 found, 0 missed, 1 false", "1 found, 0 missed, 0 false"
    ]  # fmt: skip
    assert (items[0].truth, items[0].called) == ("1 mass", "nothing")
    assert items[2].called == "1 mass, 1 cyst"
    assert items[3].overlay is not None
    assert items[3].overlay.shape == (256, 256, 3)


def test_boxes_are_drawn_where_they_are_and_the_image_is_left_alone() -> None:
    image = np.full((3, 300, 400), 10, np.uint8)
    targets = np.array([[0, 20, 30, 60, 70], [-1, 0, 0, 0, 0]], np.float32)
    found = Detections(labels=np.array([0]), scores=np.array([0.9]), boxes=np.array([[200.0, 100, 260, 180]]))
    drawn = drawn_on(image, targets, found)
    assert drawn.shape == (300, 400, 3)
    assert tuple(drawn[30, 40]) == BLUE
    assert tuple(drawn[140, 200]) == ORANGE
    assert (drawn == 10).all(axis=2).mean() > 0.98
    assert (image == 10).all()
