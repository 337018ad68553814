"""The judge of detection on maps that are made by hand: thresholds, parity, verdicts and the words of the evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from test_detecting import put

from bedside.base.errors import CohortError, ShapeError
from bedside.base.jsonform import from_json, to_json
from bedside.base.task import Task
from bedside.verify.box_evidence import FROC_CURVE, PPV_CURVE
from bedside.verify.box_judge import BOXES, matched
from bedside.verify.box_parity import called
from bedside.verify.judge import Answer, Truth, judge_of
from bedside.verify.measured import MeasuredEvidence

TASK = Task(classes=("mass", "nodule"), positive=1, kind="detection")
N, K, H, W = 24, 2, 20, 30


def made(seed: int = 0) -> tuple[np.ndarray, Truth]:
    """Images with 0 to 3 objects apart; maps that see most of them, and some that are not there."""
    rng = np.random.default_rng(seed)
    maps, rows = np.zeros((N, K + 4, H, W), np.float32), np.full((N, 3, 5), -1.0, np.float32)
    maps[:, :K] = -9
    for image, row in zip(maps, rows, strict=True):
        for i in range(int(rng.integers(0, 4))):
            label, x, y = int(rng.integers(K)), 8 + 38 * i, float(rng.uniform(6, 40))
            row[i] = [label, x, y, x + 20, y + 24]
            if rng.random() < 0.9:
                put(image, label, (x + 1, y - 1, x + 21, y + 23), float(rng.normal(1.5, 1)))
        if rng.random() < 0.4:
            put(image, int(rng.integers(K)), (30.0, 60.0, 44.0, 76.0), float(rng.normal(-1.0, 1)))
    return maps, Truth(task=TASK, targets=rows, units=tuple(f"p{i // 2}" for i in range(N)))


@dataclass(frozen=True)
class Fixed:
    """A session that answers the same maps for the real images and others for the edge cases."""

    maps: np.ndarray
    edges: np.ndarray

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"logits": self.maps if len(inputs["image"]) == len(self.maps) else self.edges}


def edges() -> np.ndarray:
    return np.full((4, K + 4, H, W), -6.0, np.float32)


def parity(first: np.ndarray, second: np.ndarray, *, name: str = "litert int8", edge: np.ndarray | None = None):
    _, truth = made()
    point = BOXES.lock(truth, first, target_sensitivity=None)
    chain = [("eager", Fixed(first, edges())), (name, Fixed(second, edges() if edge is None else edge))]
    return BOXES.parity(chain, np.zeros((N, 1, 80, 120), np.float32), np.zeros((4, 1, 80, 120), np.float32), point)


def test_it_is_the_judge_of_detection() -> None:
    assert judge_of(TASK) is BOXES


def test_thresholds_are_locked_class_by_class() -> None:
    maps, truth = made()
    point = BOXES.lock(truth, maps, target_sensitivity=None)
    assert (point.link, len(point.thresholds_prob)) == ("sigmoid", 2)
    assert point.threshold_prob == point.thresholds_prob[1]
    matches = matched(maps, truth)
    for k in range(K):

        def f1(threshold: float, k: int = k) -> float:
            chosen = (matches.labels == k) & (matches.scores >= threshold)
            return 2 * matches.at(0.5)[chosen].sum() / (chosen.sum() + matches.n_objects[:, k].sum())

        assert f1(point.thresholds_prob[k]) == max(f1(t) for t in matches.scores[matches.labels == k])
    asked = BOXES.lock(truth, maps, target_sensitivity=0.5)
    assert min(asked.thresholds_prob) > min(point.thresholds_prob)
    assert "0.5 for each class" in asked.rule


def test_a_tuning_part_without_objects_is_refused(refuses) -> None:
    maps, truth = made()
    with refuses(CohortError, "no object"):
        BOXES.lock(replace(truth, targets=np.full_like(truth.targets, -1)), maps, target_sensitivity=None)


def test_the_monitor_prefers_maps_that_see_more() -> None:
    maps, truth = made()
    blind = maps.copy()
    blind[:4, :K] = -9
    score = BOXES.monitor(TASK)
    assert score(truth.targets, maps) > score(truth.targets, blind)
    assert score(np.full_like(truth.targets, -1), maps) == 0


def test_the_same_maps_are_in_parity_and_small_int8_noise_too() -> None:
    maps, _ = made()
    same = parity(maps, maps.copy(), name="exported")
    assert same.passed
    assert (same.end_to_end.flips_frac, same.end_to_end.max_change_prob) == (0, 0)
    noisy = maps + np.random.default_rng(0).uniform(-0.04, 0.04, maps.shape).astype(np.float32)
    assert parity(maps, noisy).passed
    assert not parity(maps, noisy, name="litert fp32").passed


def test_what_breaks_parity_is_named() -> None:
    maps, truth = made()
    lost = maps.copy()
    lost[truth.targets[:, 0, 0] >= 0, :K, :, :12] = -9
    assert "come or go" in parity(maps, lost).broken_stage or "come or go" in parity(maps, lost).stages[0].broken_by
    moved = maps.copy()
    moved[:, K] += 3
    assert "come or go" in parity(maps, moved).stages[0].broken_by
    broken = maps.copy()
    broken[0, -1, 0, 0] = np.nan
    assert "finite" in parity(maps, broken).stages[0].broken_by
    hot = edges()
    hot[1, 0, 3, 3] = 4
    assert "edge case" in parity(maps, maps, edge=hot).stages[0].broken_by


def test_parity_needs_something_to_compare(refuses) -> None:
    maps, truth = made()
    point = BOXES.lock(truth, maps, target_sensitivity=None)
    with refuses(ShapeError, "1 stages"):
        BOXES.parity([("eager", Fixed(maps, edges()))], np.zeros((N, 1, 8, 8)), np.zeros((4, 1, 8, 8)), point)


@pytest.fixture(scope="module")
def evidence() -> MeasuredEvidence:
    maps, truth = made()
    noisy = maps + np.random.default_rng(0).uniform(-0.05, 0.05, maps.shape).astype(np.float32)
    point = BOXES.lock(truth, maps, target_sensitivity=None)
    answers = [Answer(outputs=outputs, point=point) for outputs in (noisy, maps)]
    return BOXES.evaluate(
        truth, shipped=answers[0], reference=answers[1], own_fp32=maps, margin=0.1, reason="a test", seed=0
    )


def test_the_evidence_counts_what_is_found(evidence: MeasuredEvidence) -> None:
    maps, truth = made()
    n_objects = int((truth.targets[..., 0] >= 0).sum())
    columns = evidence.per_case
    assert sum(columns["objects"]) == n_objects
    found, values = sum(columns["found"]), evidence.shipped.values
    assert values["sensitivity"].value == pytest.approx(found / n_objects)
    assert values["ppv"].value == pytest.approx(found / (found + sum(columns["false_positives"])))
    assert values["false_positives"].value == pytest.approx(sum(columns["false_positives"]) / N)
    assert f"Of {n_objects} mass and nodule in 24 test images it finds {found:.0f}" in evidence.plain[0]
    assert "without an object" in evidence.plain[2]
    assert set(evidence.metrics) == set(values) == set(evidence.reference.values)
    assert evidence.n_patients == values["ap50"].n_patients == 12
    assert values["ap50"].low < values["ap50"].value < values["ap50"].high
    assert evidence.non_inferiority.metric == "AP50"
    assert abs(evidence.non_inferiority.difference.value) < 0.1
    assert set(evidence.curves) == {FROC_CURVE, PPV_CURVE + "mass", PPV_CURVE + "nodule"}
    own = called(maps, BOXES.lock(truth, maps, target_sensitivity=None))
    assert evidence.flips_frac.value <= 3 / sum(len(one) for one in own)


def test_the_evidence_survives_its_json(evidence: MeasuredEvidence) -> None:
    assert from_json(MeasuredEvidence, to_json(evidence), where="here") == evidence


def test_a_worse_model_fails_and_an_equal_one_passes_on_tuning() -> None:
    maps, truth = made()
    point = BOXES.lock(truth, maps, target_sensitivity=None)
    same = Answer(outputs=maps, point=point)
    blind = maps.copy()
    blind[:, :K] -= 9 * (np.random.default_rng(0).random((N, 1, 1, 1)) < 0.7)
    score, equal = BOXES.tuning(truth, shipped=same, reference=same, margin=0.02, seed=0)
    assert equal.verdict == "PASS"
    worse, judged = BOXES.tuning(truth, shipped=Answer(outputs=blind, point=point), reference=same, margin=0.02, seed=0)
    assert judged.verdict == "FAIL"
    assert worse.value < score.value
