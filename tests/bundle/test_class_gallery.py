"""Cases in classes are pictured, whatever they are: an image by its heat map, a clip or a volume by parts of it."""

from dataclasses import replace

import numpy as np
import pytest
from tests.bundle.synthetic import synthetic_report

from bedside.base.task import Task
from bedside.bundle.gallery import GalleryJob, gallery_of
from bedside.bundle.report import render_report
from bedside.bundle.sections import sections_of
from bedside.data.preprocess import Preprocess
from bedside.verify.judge import Truth
from bedside.verify.operating_point import OperatingPoint

TASK = Task(classes=("well", "ill"))
CLIP = Preprocess(n_channels=3, height_px=12, width_px=16, n_frames=8)
VOLUME = Preprocess(n_channels=1, height_px=12, width_px=16, depth_px=10)


class NoSession:
    def run(self, inputs):
        raise AssertionError("no heat map is made of a clip or a volume")


def job(preprocess: Preprocess) -> GalleryJob:
    rng = np.random.default_rng(0)
    outputs = np.array([[3.0, -3.0], [-3.0, 3.0], [2.0, -2.0], [-1.0, 1.0]])
    return GalleryJob(
        images=rng.integers(0, 256, (4, *preprocess.spec.shape), dtype=np.uint8),
        truth=Truth(task=TASK, targets=np.array([0, 1, 1, 0]), units=tuple("abcd")), outputs=outputs,
        point=OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="r"), session=NoSession(),
        preprocess=preprocess,
    )  # fmt: skip


@pytest.mark.parametrize("preprocess", [CLIP, VOLUME])
def test_the_middle_and_four_more_are_shown_in_order(preprocess: Preprocess) -> None:
    made = job(preprocess)
    items = gallery_of(made)
    assert [item.kind for item in items] == ["miss", "miss", "hit", "hit"]
    worst = items[0]
    assert (worst.truth, worst.called) == ("ill", "well")
    frames = made.images[2] if preprocess is CLIP else made.images[2][0][:, None]
    np.testing.assert_array_equal(worst.image, frames[len(frames) // 2])
    assert worst.overlay is not None
    assert worst.overlay.shape == (24, 32, 3)
    numbers = [1, 3, 5, 7] if preprocess is CLIP else [1, 3, 6, 8]
    corners = [worst.overlay[y : y + 12, x : x + 16, 0] for y in (0, 12) for x in (0, 16)]
    for corner, number in zip(corners, numbers, strict=True):
        np.testing.assert_array_equal(corner, frames[number, 0])


def test_the_report_says_what_the_pictures_are() -> None:
    data = replace(synthetic_report(), gallery=gallery_of(job(CLIP)), input_spec=CLIP.spec)
    page = render_report(data, sections_of(data))
    assert "the frame or plane in the middle, and four of the others in order" in page
    assert "Some of its frames or planes, in order" in page
    assert "No case was pictured" not in page
