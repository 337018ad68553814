"""Overlap of label maps, against scikit-learn and MONAI."""

import numpy as np
import pytest

from bedside.base.errors import ShapeError
from bedside.verify.overlap import class_tables, dice_of, iou_of, present_in, size_error_of, sizes_of


@pytest.fixture(params=[(5, 12, 14), (4, 6, 7, 8)], ids=["maps", "volumes"])
def pair(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 3, request.param), rng.integers(0, 3, request.param)


def test_as_scikit_learn_has_it(pair: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.metrics import confusion_matrix, f1_score, jaccard_score

    truth, called = pair
    tables = class_tables(truth, called, 3)
    for i, (a, b) in enumerate(zip(truth, called, strict=True)):
        a, b = a.ravel(), b.ravel()
        np.testing.assert_array_equal(tables[i], confusion_matrix(a, b, labels=[0, 1, 2]))
        np.testing.assert_allclose(dice_of(tables)[i], f1_score(a, b, labels=[1, 2], average=None))
        np.testing.assert_allclose(iou_of(tables)[i], jaccard_score(a, b, labels=[1, 2], average=None))


def test_as_monai_has_it(pair: tuple[np.ndarray, np.ndarray]) -> None:
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    one_hot = [torch.from_numpy(np.moveaxis(np.eye(3)[maps], -1, 1).astype(np.float32)) for maps in pair]
    expected = metrics.compute_dice(one_hot[1], one_hot[0], include_background=False).numpy()
    np.testing.assert_allclose(dice_of(class_tables(*pair, 3)), expected, rtol=1e-6)


def test_sizes() -> None:
    truth, called = np.zeros((2, 1, 10, 10), np.uint8)
    truth[0, :4, :5], called[0, :5, :5] = 1, 1
    tables = class_tables(truth, called, 3)
    assert size_error_of(tables)[0, 0] == pytest.approx(0.25)
    assert np.isnan(size_error_of(tables)[0, 1])
    assert [sizes[0, 0] for sizes in sizes_of(tables)] == [20, 25]
    assert present_in(tables).tolist() == [[True, False]]


def test_empty_masks_follow_the_stated_convention() -> None:
    empty, full = np.zeros((1, 4, 4), np.uint8), np.ones((1, 4, 4), np.uint8)
    for truth, called, expected in ((empty, empty, 1.0), (empty, full, 0.0), (full, empty, 0.0), (full, full, 1.0)):
        tables = class_tables(truth, called, 2)
        assert dice_of(tables) == iou_of(tables) == expected


def test_what_cannot_be_compared_is_refused(refuses) -> None:
    maps = np.zeros((2, 4, 4), np.uint8)
    with refuses(ShapeError):
        class_tables(maps, maps[:, :3], 2)
    with refuses(ShapeError, "label 2"):
        class_tables(maps + 2, maps, 2)
    with refuses(ShapeError):
        class_tables(maps[:0], maps[:0], 2)
