"""Pictures and figures of a segmentation in the report."""

from dataclasses import replace

import numpy as np
import pytest
from tests.bundle.synthetic import synthetic_report

from bedside.base.task import Task
from bedside.bundle.gallery import GalleryJob, gallery_of
from bedside.bundle.outline_gallery import CALLED_COLOR, TRUTH_COLOR, drawn
from bedside.bundle.outline_section import outlines_section
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_texts import report_texts
from bedside.data.preprocess import Preprocess
from bedside.verify.judge import Answer, Truth, judge_of
from bedside.verify.operating_point import OperatingPoint

TASK = Task(classes=("background", "lesion"), kind="segmentation")
POINT = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="made")


def maps(shape: tuple[int, ...] = (12, 28, 28)) -> tuple[np.ndarray, np.ndarray]:
    """Squares, and answers that are shifted by ever more."""
    masks = np.zeros(shape, np.uint8)
    masks[..., 8:18, 8:18] = 1
    moved = np.stack([np.roll(mask, i, axis=-1) for i, mask in enumerate(masks)])
    logits = 6.0 * np.moveaxis(np.eye(2)[moved], -1, 1) - 3
    return masks, logits.astype(np.float32)


def job(masks: np.ndarray, logits: np.ndarray) -> GalleryJob:
    truth = Truth(task=TASK, targets=masks, units=tuple(map(str, range(len(masks)))))
    images = np.full((len(masks), 1, *masks.shape[1:]), 100, np.uint8)
    preprocess = Preprocess(n_channels=1, height_px=28, width_px=28)
    return GalleryJob(images=images, truth=truth, outputs=logits, point=POINT, session=None, preprocess=preprocess)  # type: ignore[arg-type]


def test_the_worst_the_best_and_the_middle_are_shown() -> None:
    items = gallery_of(job(*maps()))
    assert [item.kind for item in items] == ["miss"] * 4 + ["hit"] * 4
    dice = [float(item.note.removeprefix("Dice ")) for item in items]
    assert dice[0] == 0.0
    assert dice[4] == 1.0
    assert max(dice[:4]) <= min(dice[4:])
    assert items[0].overlay is not None
    assert items[0].overlay.shape == (28, 28, 3)


def test_a_volume_shows_its_fullest_slice() -> None:
    masks, logits = maps((3, 5, 28, 28))
    masks[:, 3, 4:20, 4:20] = 1
    item = gallery_of(job(masks, logits))[0]
    assert item.image.shape == (1, 28, 28)
    assert item.overlay is not None


def test_truth_is_blue_and_the_answer_orange_on_top() -> None:
    truth, called = np.zeros((2, 10, 10), np.uint8)
    truth[:, 5:], called[:, 2:] = 1, 1
    picture = drawn(np.zeros((1, 10, 10), np.uint8), truth, called)
    assert tuple(picture[0, 4]) == TRUTH_COLOR
    assert tuple(picture[0, 1]) == CALLED_COLOR
    assert tuple(drawn(np.zeros((1, 10, 10), np.uint8), truth, truth)[0, 4]) == CALLED_COLOR
    assert not picture[0, 8].any()


@pytest.fixture(scope="module")
def data() -> ReportData:
    masks, logits = maps()
    truth = Truth(task=TASK, targets=masks, units=tuple(map(str, range(12))), spacing_mm=((0.5, 0.5),) * 12)
    answer = Answer(outputs=logits, point=POINT)
    evidence = judge_of(TASK).evaluate(
        truth, shipped=answer, reference=answer, own_fp32=logits, margin=0.02, reason="a test", seed=0
    )
    return replace(synthetic_report(), task=TASK, evidence=evidence, gallery=gallery_of(job(masks, logits)))


def test_the_section_shows_the_spread_and_the_sizes(data: ReportData) -> None:
    section = outlines_section(data)
    assert section is not None
    assert [figure.name for figure in section.figures] == ["dice", "size-lesion"]
    assert "bias 0 mm²" in section.figures[1].caption  # a shifted square keeps its area
    assert len(section.figures[0].table.rows) == 12
    page = report_texts(data, name="made", version="0")["report.html"]
    for words in ("Outlines case by case", "Where it is worst", "the model's in orange", "limits of agreement"):
        assert words in page, words


def test_other_tasks_have_no_such_section() -> None:
    assert outlines_section(synthetic_report()) is None
