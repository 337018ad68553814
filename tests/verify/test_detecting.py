"""Maps that say where boxes are give those boxes back, best first and none twice."""

import numpy as np
import pytest

from bedside.base.errors import ShapeError
from bedside.runtime.box_maps import LOG_SIZE_UNIT, OFFSET_UNIT_PX, STRIDE_PX, base_size_px, boxes_of_maps
from bedside.verify.detecting import Detections, detect, highest_around, iou

K, H, W = 2, 20, 30


def silent() -> np.ndarray:
    """Maps without an object, ``(K + 4, h, w)``."""
    maps = np.zeros((K + 4, H, W), np.float32)
    maps[:K] = -8
    return maps


def put(maps: np.ndarray, label: int, box: tuple[float, float, float, float], logit: float) -> None:
    """Write an object into the cell of its centre, by the definition of the maps."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    column, row = int(x // STRIDE_PX), int(y // STRIDE_PX)
    maps[label, row, column] = logit
    maps[K, row, column] = (x - (column + 0.5) * STRIDE_PX) / OFFSET_UNIT_PX
    maps[K + 1, row, column] = (y - (row + 0.5) * STRIDE_PX) / OFFSET_UNIT_PX
    for channel, side in ((K + 2, box[2] - box[0]), (K + 3, box[3] - box[1])):
        maps[channel, row, column] = np.log(side / base_size_px(H, W)) / LOG_SIZE_UNIT


def test_boxes_come_back_best_first() -> None:
    maps, boxes = silent(), [(10.0, 12.0, 31.5, 40.0), (50.0, 30.0, 58.0, 39.0), (90.0, 60.0, 120.0, 80.0)]
    for (label, logit), box in zip([(0, 1.0), (1, 3.0), (0, -1.0)], boxes, strict=True):
        put(maps, label, box, logit)
    found = detect(maps[None])[0]
    assert found.labels.tolist() == [1, 0, 0]
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp([-3.0, -1.0, 1.0])))
    np.testing.assert_allclose(found.boxes, [boxes[1], boxes[0], boxes[2]], atol=1e-4)
    cooled = detect(maps[None], temperature=2.0, least_prob=0.1)[0]
    np.testing.assert_allclose(cooled.scores, 1 / (1 + np.exp([-1.5, -0.5, 0.5])))
    assert found.above(np.array([0.5, 0.99])).boxes.tolist() == [found.boxes[1].tolist()]


def test_cells_that_int8_made_equal_give_one_box() -> None:
    maps = silent()
    put(maps, 0, (40.0, 30.0, 62.0, 50.0), 2.0)
    put(maps, 0, (44.0, 30.0, 66.0, 50.0), 2.0)
    assert len(detect(maps[None])[0]) == 1
    put(maps, 1, (44.0, 30.0, 66.0, 50.0), 2.0)
    assert len(detect(maps[None])[0]) == 2, "another kind of object in the same place is another object"


def test_touching_objects_stay_two() -> None:
    maps = silent()
    put(maps, 0, (20.0, 20.0, 40.0, 40.0), 2.0)
    put(maps, 0, (38.0, 20.0, 58.0, 40.0), 1.0)
    assert len(detect(maps[None])[0]) == 2


def test_a_peak_is_where_no_neighbour_is_higher() -> None:
    values = np.random.default_rng(0).normal(size=(2, 7, 9))
    highest = highest_around(values)
    for k in range(2):
        for y in range(7):
            for x in range(9):
                around = values[k, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
                assert highest[k, y, x] == around.max()


def test_boxes_are_clipped_to_the_input_and_those_outside_are_dropped() -> None:
    maps = silent()
    put(maps, 0, (-20.0, -10.0, 24.0, 34.0), 2.0)
    maps[1, 10, 0], maps[K, 10, 0] = 2.0, -40.0
    found = detect(maps[None])[0]
    np.testing.assert_allclose(found.boxes, [[0, 0, 24, 34]], atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_maps_that_are_not_finite_find_nothing_there(bad: float) -> None:
    maps = silent()
    put(maps, 0, (20.0, 20.0, 40.0, 40.0), 2.0)
    maps[1, :, 15:] = bad
    maps[K:, 0, 0] = bad
    found = detect(maps[None])[0]
    assert found.labels.tolist() == [0]
    assert np.isfinite(found.boxes).all()


def test_only_so_many_boxes_an_image() -> None:
    maps = silent()
    maps[0, ::3, ::3] = 1.0
    maps[K + 2 :] = -6
    assert len(detect(maps[None], most_boxes=7)[0]) == 7


def test_iou_by_counting_pixels() -> None:
    rng = np.random.default_rng(1)
    corners = rng.integers(0, 20, (8, 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, 12, (8, 2))], axis=1).astype(float)
    painted = np.zeros((8, 40, 40), bool)
    for canvas, (x0, y0, x1, y1) in zip(painted, boxes.astype(int), strict=True):
        canvas[y0:y1, x0:x1] = True
    flat = painted.reshape(8, -1)
    expected = (flat[:, None] & flat[None]).sum(2) / (flat[:, None] | flat[None]).sum(2)
    np.testing.assert_allclose(iou(boxes, boxes), expected)
    assert iou(np.zeros((1, 4)), np.zeros((1, 4))) == 0


def test_maps_without_a_class_are_refused(refuses) -> None:
    with refuses(ShapeError, "(1, 4, 5, 6)"):
        detect(np.zeros((1, 4, 5, 6)))
    with refuses(ShapeError, "(3, 7)"):
        detect(np.zeros((3, 7)))


def test_every_cell_has_a_box() -> None:
    boxes = boxes_of_maps(np.zeros((1, K + 4, H, W)))
    assert boxes.shape == (1, H, W, 4)
    np.testing.assert_allclose((boxes[0, 3, 5, :2] + boxes[0, 3, 5, 2:]) / 2, [5.5 * STRIDE_PX, 3.5 * STRIDE_PX])


def test_no_detections_at_all() -> None:
    found = detect(silent()[None], least_prob=0.5)[0]
    assert isinstance(found, Detections)
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
