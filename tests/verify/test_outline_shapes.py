"""The judge of segmentation: threshold, parity, evidence."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from bedside.base.errors import CohortError
from bedside.base.task import Task
from bedside.verify.judge import Answer, Truth, judge_of
from bedside.verify.measured import MeasuredEvidence
from bedside.verify.metrics import softmax
from bedside.verify.outline_point import THRESHOLDS_PROB, called_maps, lock_outlines
from bedside.verify.overlap import class_tables, dice_of

TWO = Task(classes=("background", "lesion"), kind="segmentation")
THREE = Task(classes=("background", "a", "b"), kind="segmentation")


def made(n: int = 12, side: int = 24, n_classes: int = 2, seed: int = 0, noise: float = 1.0):
    """Discs (none in every fourth case) and noisy logits about them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    masks = np.zeros((n, side, side), np.uint8)
    for i in range(n):
        if i % 4:
            cy, cx = rng.uniform(8, 16, 2)
            masks[i][(y - cy) ** 2 + (x - cx) ** 2 < rng.uniform(9, 36)] = 1 + i % (n_classes - 1)
    logits = 3.0 * np.moveaxis(np.eye(n_classes)[masks], -1, 1) + rng.normal(0, noise, (n, n_classes, side, side))
    return masks, logits.astype(np.float32)


def truth_of(masks: np.ndarray, task: Task = TWO, spacing=None) -> Truth:
    units = tuple(f"p{i // 2}" for i in range(len(masks)))
    return Truth(task=task, targets=masks, units=units, spacing_mm=(spacing,) * len(masks) if spacing else ())


def test_the_threshold_is_that_of_the_highest_mean_dice() -> None:
    masks, logits = made(noise=2.0)
    point = lock_outlines(masks, logits, TWO)
    inside = softmax(logits, point.temperature)[:, 1]
    dice = [float(dice_of(class_tables(masks, (inside >= t).astype(np.uint8), 2)).mean()) for t in THRESHOLDS_PROB]
    own = float(dice_of(class_tables(masks, called_maps(logits, point), 2)).mean())
    assert own >= max(dice) - 0.005  # smoothed over neighbouring thresholds
    assert min(dice) < own - 0.02


def test_a_speck_is_no_lesion() -> None:
    masks, logits = made(n=16, side=48)
    logits[::4] = np.array([3.0, -3.0], np.float32)[:, None, None]
    logits[::4, 1, 5, 5:7] = 9.0  # two sure pixels in every case without a lesion
    point = lock_outlines(masks, logits, TWO)
    assert 0 < point.least_area_frac <= 0.008
    assert not called_maps(logits, point)[::4].any()
    assert called_maps(logits, point)[1].any()
    assert lock_outlines(masks, logits, TWO, target_sensitivity=0.9).least_area_frac == 0


def test_an_asked_sensitivity_is_reached_and_not_by_much() -> None:
    masks, logits = made(noise=2.0)
    point = lock_outlines(masks, logits, TWO, target_sensitivity=0.95)
    inside = softmax(logits, point.temperature)[:, 1]
    assert (inside[masks == 1] >= point.threshold_prob).mean() >= 0.95
    assert (inside[masks == 1] >= point.threshold_prob + 0.01).mean() < 0.95


def test_no_lesion_gives_no_sensitivity(refuses) -> None:
    masks, logits = made()
    with refuses(CohortError):
        lock_outlines(np.zeros_like(masks), logits, TWO, target_sensitivity=0.9)


def test_with_more_classes_the_most_probable_is_called() -> None:
    masks, logits = made(n_classes=3)
    point = lock_outlines(masks, logits, THREE)
    assert point.threshold_prob is None
    np.testing.assert_array_equal(called_maps(logits, point), logits.argmax(axis=1))


def test_the_monitor_is_the_mean_dice() -> None:
    masks, logits = made(n_classes=3)
    expected = dice_of(class_tables(masks, logits.argmax(axis=1), 3)).mean()
    assert judge_of(THREE).monitor(THREE)(masks, logits) == pytest.approx(expected)


@dataclass
class Fixed:
    """A session that answers with its input, changed."""

    change: float = 0.0
    broken: bool = False

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        inside = inputs["image"] + np.float32(self.change)
        if self.broken:
            inside = np.where(inside > 1.5, np.float32(np.nan), inside)
        return {"logits": np.concatenate([np.zeros_like(inside), inside], axis=1)}


def parity_of(*chain: tuple[str, Fixed], images: np.ndarray | None = None):
    masks, logits = made()
    seen = logits[:, 1:] - logits[:, :1] if images is None else images
    edges = np.stack([np.full((1, 24, 24), value, np.float32) for value in (-1.0, 2.0)])
    point = lock_outlines(masks, logits, TWO)
    return judge_of(TWO).parity(chain, seen, edges, point)


def test_parity_passes_what_is_equal_and_nearly_equal() -> None:
    report = parity_of(("eager", Fixed()), ("litert fp32", Fixed(1e-4)), ("litert int8", Fixed(0.05)))
    assert report.passed, report
    assert report.stages[0].flips_frac <= report.stages[1].flips_frac < 0.02
    assert report.end_to_end.max_change_prob >= report.stages[1].mean_change_prob > 0


@pytest.mark.parametrize(
    ("name", "session", "why"),
    [
        ("litert fp32", Fixed(0.05), "probabilities change"),
        ("litert int8", Fixed(1.5), "probabilities change"),
        ("litert int8", Fixed(broken=True), "not a finite number"),
    ],
)
def test_parity_names_what_breaks_it(name: str, session: Fixed, why: str) -> None:
    report = parity_of(("eager", Fixed()), (name, session))
    assert report.broken_stage == name
    assert why in report.stages[0].broken_by


def test_parity_counts_flips_where_probabilities_hardly_move() -> None:
    masks, logits = made()
    point = lock_outlines(masks, logits, TWO)
    at_threshold = np.log(point.threshold_prob / (1 - point.threshold_prob)) * point.temperature
    images = np.full((4, 1, 24, 24), at_threshold - 0.01, np.float32)
    report = judge_of(TWO).parity([("eager", Fixed()), ("litert int8", Fixed(0.02))], images, images, point)
    assert "flips" in report.stages[0].broken_by
    assert report.stages[0].flips_frac == 1.0


@pytest.mark.parametrize(("task", "n_classes"), [(TWO, 2), (THREE, 3)])
def test_evidence_says_what_the_masks_say(task: Task, n_classes: int) -> None:
    masks, logits = made(n_classes=n_classes, noise=1.5)
    judge, truth = judge_of(task), truth_of(masks, task, (0.5, 0.5))
    reference = 3.0 * np.moveaxis(np.eye(n_classes)[masks], -1, 1).astype(np.float32)
    shipped = Answer(outputs=logits, point=judge.lock(truth, logits, target_sensitivity=None))
    perfect = Answer(outputs=reference, point=judge.lock(truth, reference, target_sensitivity=None))
    found = judge.evaluate(truth, shipped=shipped, reference=perfect, own_fp32=logits, margin=0.02, reason="x", seed=0)
    assert isinstance(found, MeasuredEvidence)
    called = called_maps(logits, shipped.point)
    dice = dice_of(class_tables(masks, called, n_classes)).mean(axis=1)
    assert found.shipped.values["dice"].value == pytest.approx(dice.mean())
    assert found.per_case["dice"] == pytest.approx(tuple(dice))
    assert found.reference.values["dice"].value == 1.0
    assert found.reference.values["dice"].low < 1.0
    assert found.non_inferiority.difference.value == pytest.approx(dice.mean() - 1)
    assert found.flips_frac.value == 0
    assert set(found.metrics) == set(found.shipped.values) == set(found.reference.values)
    assert found.metrics["hd95"].unit == "mm"
    assert found.shipped.values["hd95"].n_patients == 6
    assert found.shipped.values["false_alarm"].value == np.mean(called[::4].reshape(3, -1).any(axis=1))
    area = f"called size, {task.classes[1]}, mm²"
    assert found.per_case[area] == pytest.approx(tuple((called == 1).sum(axis=(1, 2)) * 0.25))
    assert any("empty" in words or "neither" in words for words in found.conventions)


def test_without_spacing_distances_are_pixels_and_nothing_is_called_mm() -> None:
    masks, logits = made()
    judge, truth = judge_of(TWO), truth_of(masks)
    answer = Answer(outputs=logits, point=judge.lock(truth, logits, target_sensitivity=None))
    found = judge.evaluate(truth, shipped=answer, reference=answer, own_fp32=logits, margin=0.02, reason="x", seed=0)
    assert isinstance(found, MeasuredEvidence)
    assert found.metrics["hd95"].unit == "px"
    assert found.non_inferiority.verdict == "PASS"
    assert not any(" mm" in metric.title for metric in found.metrics.values())


def test_tuning_is_the_same_figure_as_the_evidence() -> None:
    masks, logits = made(noise=1.5)
    judge, truth = judge_of(TWO), truth_of(masks)
    answer = Answer(outputs=logits, point=judge.lock(truth, logits, target_sensitivity=None))
    score, judged = judge.tuning(truth, shipped=answer, reference=answer, margin=0.02, seed=0)
    expected = dice_of(class_tables(masks, called_maps(logits, answer.point), 2)).mean()
    assert score.value == pytest.approx(expected)
    assert score.low < score.value < score.high
    assert judged.verdict == "PASS"
    assert judged.metric == "Dice"
