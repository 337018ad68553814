"""The cascade: what stops, what it is allowed to cost, and how it is judged."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bedside.base.errors import InputError, ShapeError
from bedside.base.task import Task
from bedside.verify.cascade import Cascade, fit_cascade, judge_cascade, thresholds_of
from bedside.verify.noninferiority import compare_aurocs

TASK = Task(classes=("well", "ill"))


def simulated(n: int, *, seed: int = 0, small_noise: float = 1.0, large_noise: float = 0.7) -> tuple:
    """Labels, and calibrated-looking probabilities of a noisier and a better network."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.4).astype(np.int64)

    def network(noise: float) -> np.ndarray:
        ill = 1 / (1 + np.exp(-(2 * (2 * labels - 1) + noise * rng.normal(size=n) * 2) / noise))
        return np.stack([1 - ill, ill], axis=1)

    return labels, network(small_noise), network(large_noise)


def test_the_threshold_is_the_last_that_passes_in_order() -> None:
    labels, small, large = simulated(1500)
    found = fit_cascade(TASK, labels, small, large, margin=0.02)
    candidates = thresholds_of(small)
    assert candidates == sorted(candidates, reverse=True)
    assert 0 < found.share_stopped_frac < 1

    def verdict(threshold: float) -> str:
        confident = small.max(axis=1) >= threshold
        mixed = np.where(confident[:, None], small, large)
        return compare_aurocs(TASK, labels, mixed, large, margin=0.02, draws=[], n_patients=len(labels)).verdict

    at = candidates.index(found.threshold_prob)
    assert [verdict(t) for t in candidates[: at + 1]] == ["PASS"] * (at + 1)
    assert verdict(candidates[at + 1]) != "PASS"
    assert found.share_stopped_frac == pytest.approx((at + 1) / 20, abs=0.002)


def test_two_equal_networks_need_only_the_small_one() -> None:
    labels, small, _ = simulated(300)
    found = fit_cascade(TASK, labels, small, small.copy(), margin=0.01)
    assert (found.threshold_prob, found.share_stopped_frac) == (0.0, 1.0)


def test_a_small_network_that_is_surely_wrong_never_stops() -> None:
    labels, _, large = simulated(400)
    wrong = np.where(labels[:, None] == [0, 1], 0.001, 0.999)
    found = fit_cascade(TASK, labels, wrong, large, margin=0.02)
    assert (found.threshold_prob, found.share_stopped_frac, found.tuning) == (None, 0.0, None)
    assert not found.stops(wrong).any()


def test_equal_confidences_stop_together() -> None:
    small = np.tile([[0.3, 0.7]], (40, 1))
    assert thresholds_of(small) == [0.0]
    assert Cascade(threshold_prob=0.7, share_stopped_frac=1.0, margin=0.02).stops(small).all()


def test_nan_of_the_small_network_goes_to_the_large_one() -> None:
    labels, small, large = simulated(400, small_noise=0.7)
    small[::4] = np.nan
    found = fit_cascade(TASK, labels, small, large, margin=0.05)
    assert found.share_stopped_frac > 0
    assert not found.stops(small)[::4].any()
    np.testing.assert_array_equal(found.probabilities(small, large)[::4], large[::4])
    assert thresholds_of(np.full((5, 2), np.nan)) == []


def test_what_does_not_fit_is_refused() -> None:
    labels, small, large = simulated(50)
    with pytest.raises(ShapeError):
        fit_cascade(TASK, labels[:-1], small, large, margin=0.02)
    with pytest.raises(ShapeError):
        fit_cascade(TASK, labels[:0], small[:0], large[:0], margin=0.02)
    with pytest.raises(InputError, match="NaN"):
        fit_cascade(TASK, labels, small, np.full_like(large, np.nan), margin=0.02)
    with pytest.raises(InputError, match="margin"):
        fit_cascade(TASK, labels, small, large, margin=0.0)
    with pytest.raises(InputError, match="threshold"):
        Cascade(threshold_prob=1.5, share_stopped_frac=0.1, margin=0.02)
    with pytest.raises(ShapeError, match="times"):
        judge_cascade(
            Cascade(threshold_prob=0.9, share_stopped_frac=0.5, margin=0.02), TASK, labels, small, large,
            small_ms=np.ones(49), large_ms=np.ones(50),
        )  # fmt: skip


def test_the_judgement_counts_both_networks_where_both_ran() -> None:
    labels, small, large = simulated(600, seed=1)
    rng = np.random.default_rng(0)
    small_ms, large_ms = rng.uniform(0.9, 1.1, 600), rng.uniform(3.8, 4.2, 600)
    cascade = Cascade(threshold_prob=0.9, share_stopped_frac=0.5, margin=0.02)
    units = [f"p{i // 2}" for i in range(600)]
    found = judge_cascade(
        cascade, TASK, labels, small, large, small_ms=small_ms, large_ms=large_ms, units=units
    )  # fmt: skip
    stopped = small.max(axis=1) >= 0.9
    assert found.share_stopped.value == pytest.approx(stopped.mean())
    assert found.share_stopped.n_patients == 300
    assert found.cascade_ms.value == pytest.approx(small_ms.mean() + (large_ms * ~stopped).mean())
    assert found.saved_ms.value == pytest.approx(found.large_ms.value - found.cascade_ms.value)
    assert found.saved_ms.low < found.saved_ms.value < found.saved_ms.high
    ill = np.where(stopped, small[:, 1], large[:, 1])
    difference = roc_auc_score(labels, ill) - roc_auc_score(labels, large[:, 1])
    assert found.non_inferiority.difference.value == pytest.approx(difference, abs=1e-12)


def test_a_cascade_that_costs_more_than_it_saves_says_so() -> None:
    labels, small, large = simulated(200)
    found = judge_cascade(
        Cascade(threshold_prob=None, share_stopped_frac=0.0, margin=0.02), TASK, labels, small, large,
        small_ms=np.full(200, 1.0), large_ms=np.full(200, 2.0),
    )  # fmt: skip
    assert found.saved_ms.value == pytest.approx(-1.0)
    assert found.share_stopped.value == 0
    assert found.non_inferiority.verdict == "PASS"  # it is the large network, to the bit


def test_three_classes_are_judged_by_the_macro_average() -> None:
    rng = np.random.default_rng(3)
    task, labels = Task(classes=("a", "b", "c")), rng.integers(0, 3, 300)
    scores = 2.5 * np.eye(3)[labels] + rng.normal(size=(300, 3))
    large = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found = fit_cascade(task, labels, large, large, margin=0.02)
    assert found.share_stopped_frac == 1.0
