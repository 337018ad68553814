"""Masks are read, checked, and go the way of their images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import CohortError, ShapeError
from bedside.data.case import Case
from bedside.data.masks import place_mask, stack_masks
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort


def written(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def case(tmp_path: Path, image: tuple[int, ...], mask: np.ndarray | None) -> Case:
    path = written(tmp_path / "image.png", np.zeros(image, np.uint8))
    return Case(
        case_id="a", label=0, path=path, mask_path=written(tmp_path / "m.png", mask) if mask is not None else None
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, 255], [255, 0]], [[0, 1], [1, 0]]),
        ([[0, 3], [1, 0]], [[0, 1], [1, 0]]),
        ([[12, 251], [140, 120]], [[0, 1], [1, 0]]),
        ([[0, 0], [0, 0]], [[0, 0], [0, 0]]),
    ],
    ids=["0 and 255", "labels", "noise of a JPEG", "no lesion"],
)
def test_what_counts_as_lesion(tmp_path: Path, values: list[list[int]], expected: list[list[int]]) -> None:
    found = case(tmp_path, (2, 2), np.array(values, np.uint8)).mask()
    np.testing.assert_array_equal(found, np.array(expected, bool))


def test_a_colour_mask_and_a_mask_of_one_bit(tmp_path: Path) -> None:
    colour = np.zeros((4, 4, 3), np.uint8)
    colour[1, 2] = (255, 0, 0)
    assert np.argwhere(case(tmp_path, (4, 4), colour).mask()).tolist() == [[1, 2]]
    assert np.argwhere(case(tmp_path, (4, 4), colour[..., 0] > 0).mask()).tolist() == [[1, 2]]


def test_nobody_drew_it(tmp_path: Path) -> None:
    made = case(tmp_path, (4, 4), None)
    assert made.mask() is None
    assert not stack_masks([made], Preprocess(n_channels=1, height_px=4, width_px=4)).any()


def test_the_digest_covers_the_mask_and_is_what_it_was_without_one(tmp_path: Path) -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    bare = Case(case_id="a", label=0, pixels=pixels)
    assert bare.digest() == ("92c8bcc92e8ca1162e0aede584179a52c620c3a0e1a2701f7491c4562e98265d"), (
        "digest of the release before masks"
    )
    path = written(tmp_path / "m.png", np.eye(4, dtype=np.uint8) * 255)
    with_mask = Case(case_id="a", label=0, pixels=pixels, mask_path=path)
    before = with_mask.digest()
    assert before != bare.digest()
    written(path, np.ones((4, 4), np.uint8))
    assert with_mask.digest() != before


@pytest.mark.parametrize("fit", ["letterbox", "squash", "crop"])
def test_a_mask_lands_where_its_lesion_lands(fit: str) -> None:
    """A bright disc on black and its mask, through the same preprocessing, stay the same disc."""
    y, x = np.mgrid[:90, :140]
    mask = (y - 40) ** 2 + (x - 75) ** 2 <= 20**2
    preprocess = Preprocess(n_channels=1, height_px=48, width_px=48, fit=fit)  # type: ignore[arg-type]
    lesion = preprocess.geometry(np.where(mask, 255, 0).astype(np.uint8))[0] >= 128
    np.testing.assert_array_equal(place_mask(mask, preprocess), lesion)
    assert lesion.any()


def test_a_lesion_that_a_resize_would_lose_keeps_a_pixel() -> None:
    mask = np.zeros((200, 200), bool)
    mask[101, 51] = True
    placed = place_mask(mask, Preprocess(n_channels=3, height_px=20, width_px=20))
    assert placed.sum() >= 1
    assert placed[10, 5]
    assert not place_mask(np.zeros((200, 200), bool), Preprocess(n_channels=1, height_px=20, width_px=20)).any()


def test_a_mask_of_another_size_is_refused(tmp_path: Path, refuses) -> None:
    with refuses(ShapeError, "mask of a", "(3, 4)"):
        stack_masks(
            [case(tmp_path, (4, 4), np.zeros((3, 4), np.uint8))], Preprocess(n_channels=1, height_px=4, width_px=4)
        )


def folder_with(tmp_path: Path, masks: list[str]) -> str:
    lines = ["file,label,mask"]
    for i, mask in enumerate(masks):
        written(tmp_path / f"{i}.png", np.full((4, 4), 10 * i, np.uint8))
        lines.append(f"{i}.png,{'ill' if i % 2 else 'well'},{mask}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines) + "\n")
    return f"folder:{tmp_path}"


def test_the_folder_source_reads_the_column(tmp_path: Path) -> None:
    written(tmp_path / "masks" / "1.png", np.eye(4, dtype=np.uint8) * 255)
    cohort = load_cohort(folder_with(tmp_path, ["", "masks/1.png", " ", ""]))
    assert [case.mask_path is not None for case in cohort.cases] == [False, True, False, False]
    np.testing.assert_array_equal(cohort.cases[1].mask(), np.eye(4, dtype=bool))


def test_a_mask_that_is_not_there_is_refused(tmp_path: Path, refuses) -> None:
    with refuses(CohortError, "do not exist", "masks/absent.png"):
        load_cohort(folder_with(tmp_path, ["", "masks/absent.png", "", ""]))


@pytest.mark.parametrize(
    ("name", "n_lesions", "n_cases"), [("us_breast_busi", 646, 779), ("derm_ham10000", 2984, 2984)]
)
def test_real_masks_fit_their_images(shared_data: Path, name: str, n_lesions: int, n_cases: int) -> None:
    if not (shared_data / name).is_dir():
        pytest.skip(f"{name} is not there")
    cohort = load_cohort(f"folder:{shared_data / name}")
    assert len(cohort.cases) == n_cases
    few = cohort.cases[:: len(cohort.cases) // 60]
    masks = stack_masks(few, Preprocess(n_channels=1, height_px=64, width_px=64))
    drawn = masks.any(axis=(1, 2))
    assert drawn.mean() == pytest.approx(n_lesions / n_cases, abs=0.15)
    normal = [cohort.task.classes[case.label] == "normal" for case in few]
    np.testing.assert_array_equal(drawn, ~np.array(normal))
    shares = np.array([np.mean(case.mask()) for case in few])[drawn]
    assert masks[drawn].mean() == pytest.approx(shares.mean() * _filled(few), rel=0.1)


def _filled(cases) -> float:
    """Share of a square that a letterboxed image of the first case's proportions fills, on average."""
    sizes = [case.image().shape[:2] for case in cases if np.any(case.mask())]
    return float(np.mean([min(size) / max(size) for size in sizes]))
