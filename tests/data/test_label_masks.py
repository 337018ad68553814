"""Label masks are read, placed on the model's grid, and brought back to the image's own."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import ImageError, ShapeError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.label_masks import label_mask, mask_targets, placed_labels
from bedside.data.native_geometry import native_map, native_spacing, outline
from bedside.data.preprocess import Preprocess
from bedside.data.spacings import spacings_of

TWO = Task(classes=("background", "lesion"), kind="segmentation")
THREE = Task(classes=("background", "a", "b"), kind="segmentation")


def case(pixels: np.ndarray, mask: np.ndarray | None) -> Case:
    return Case(case_id="x", label=0, pixels=pixels, mask_pixels=mask)


def ellipse(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    radius = ((y - height * 0.55) / (height * 0.25)) ** 2 + ((x - width * 0.4) / (width * 0.2)) ** 2
    return (radius < 1).astype(np.uint8)


@pytest.mark.parametrize("value", [1, 255])
def test_two_classes_are_read_from_either_form(value: int) -> None:
    mask = ellipse(20, 30)
    found = label_mask(case(np.zeros((20, 30), np.uint8), mask * np.uint8(value)), TWO)
    np.testing.assert_array_equal(found, mask)


def test_a_case_without_a_mask_is_background() -> None:
    assert not label_mask(case(np.zeros((5, 6), np.uint8), None), TWO).any()


def test_another_size_and_another_label_are_refused(refuses, tmp_path: Path) -> None:
    image = np.zeros((6, 6), np.uint8)
    with refuses(ShapeError, "(6, 5)"):
        label_mask(case(image, np.zeros((6, 5), np.uint8)), TWO)
    with refuses(ImageError, "label 3"):
        label_mask(case(image, np.full((6, 6), 3, np.uint8)), THREE)


def test_labels_of_several_classes_are_placed_by_most_cover() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[:20, :20], labels[:20, 20:] = 1, 2
    placed = placed_labels(labels, 3, Preprocess(n_channels=1, height_px=20, width_px=20))
    expected = np.zeros((20, 20), np.uint8)
    expected[:10, :10], expected[:10, 10:] = 1, 2
    np.testing.assert_array_equal(placed, expected)


def test_a_class_is_never_lost_by_a_resize() -> None:
    labels = np.zeros((100, 100), np.uint8)
    labels[50, 50] = 2
    small = Preprocess(n_channels=1, height_px=16, width_px=16)
    targets = mask_targets([case(np.zeros((100, 100), np.uint8), labels)], THREE, small)
    assert 1 <= (targets == 2).sum() <= 4  # its most covered pixels


@pytest.mark.parametrize("fit", ["letterbox", "squash", "crop"])
@pytest.mark.parametrize("size", [(60, 90), (90, 60), (64, 64), (32, 32), (20, 33)])
def test_there_and_back_again(fit: str, size: tuple[int, int]) -> None:
    preprocess = Preprocess(n_channels=1, height_px=32, width_px=32, fit=fit)  # type: ignore[arg-type]
    mask = ellipse(*size)
    placed = placed_labels(mask, 2, preprocess)
    maps = np.stack([placed == 0, placed == 1]).astype(np.float32)
    back = native_map(maps, size, preprocess)
    assert back.shape == (2, *size)
    np.testing.assert_allclose(back.sum(axis=0), 1, atol=1e-5)
    called = back[1] >= 0.5
    seen = mask == 1
    if fit == "crop":  # what was cut off is background
        side = min(size)
        kept = np.zeros(size, bool)
        top, left = (size[0] - side) // 2, (size[1] - side) // 2
        kept[top : top + side, left : left + side] = True
        seen = seen & kept
        assert not called[~kept].any()
    assert 2 * (called & seen).sum() / (called.sum() + seen.sum()) > 0.9


def test_what_cannot_be_undone_is_refused(refuses) -> None:
    maps = np.zeros((2, 32, 32), np.float32)
    with refuses(ShapeError, "crops by content"):
        native_map(maps, (50, 50), Preprocess(n_channels=1, height_px=32, width_px=32, fit="foreground"))
    with refuses(ShapeError, "(2, 32, 32)"):
        native_map(maps, (50, 50), Preprocess(n_channels=1, height_px=16, width_px=16))


def test_spacing_on_the_grid_of_the_model() -> None:
    def grid(fit: str) -> Preprocess:
        return Preprocess(n_channels=1, height_px=32, width_px=32, fit=fit)  # type: ignore[arg-type]

    assert native_spacing((0.5, 0.5), (64, 128), grid("letterbox")) == (2.0, 2.0)
    assert native_spacing((0.5, 0.5), (64, 128), grid("squash")) == (1.0, 2.0)
    assert native_spacing((0.5, 0.5), (64, 128), grid("crop")) == (1.0, 1.0)
    assert native_spacing(None, (64, 128), grid("crop")) is None


def test_spacings_come_from_the_files(tmp_path: Path) -> None:
    picture = Image.fromarray(np.zeros((64, 64), np.uint8))
    picture.save(tmp_path / "a.tiff", dpi=(254, 254))
    picture.save(tmp_path / "b.png")
    cases = [Case(case_id=name, label=0, path=tmp_path / name) for name in ("a.tiff", "b.png")]
    found = spacings_of(cases, TWO, Preprocess(n_channels=1, height_px=32, width_px=32))
    assert found[0] == pytest.approx((0.2, 0.2))
    assert found[1] is None
    assert spacings_of(cases, Task(classes=("a", "b")), Preprocess(n_channels=1, height_px=32, width_px=32)) == ()


def test_an_outline_follows_the_border() -> None:
    mask = np.zeros((5, 5), np.uint8)
    mask[1:4, 1:4] = 1
    edge = outline(mask)
    assert edge[2, 2] == 0
    assert edge[1, 0] == edge[0, 1] == 1
