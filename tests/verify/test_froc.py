"""Free-response figures by counting, threshold by threshold."""

import math

import numpy as np
import pytest
from test_average_precision_boxes import N_CLASSES, made

from bedside.verify.box_matching import Matches, match
from bedside.verify.detecting import Detections
from bedside.verify.froc import (
    FALSE_POSITIVE_RATES,
    at_threshold,
    best_f1_threshold,
    froc,
    froc_curve,
    sensitive_threshold,
)


@pytest.fixture(scope="module")
def matches() -> Matches:
    return match(*made(), N_CLASSES)


def counted(matches: Matches, threshold: float, label: int | None) -> tuple[int, int, int]:
    """Hits, false positives and objects at one threshold, one detection at a time."""
    hits = falses = 0
    for score, kind, hit in zip(matches.scores, matches.labels, matches.at(0.5), strict=True):
        if score >= threshold and label in (None, kind):
            hits, falses = hits + int(hit), falses + int(not hit)
    return hits, falses, int(matches.n_objects.sum() if label is None else matches.n_objects[:, label].sum())


@pytest.mark.parametrize("label", [None, 0, 1])
def test_the_curve_is_what_counting_gives(matches: Matches, label: int | None) -> None:
    curve = froc_curve(matches, label=label)
    for i, threshold in enumerate(curve.thresholds_prob):
        hits, falses, total = counted(matches, threshold, label)
        assert curve.sensitivity[i] == pytest.approx(hits / total)
        assert curve.false_positives_per_image[i] == pytest.approx(falses / 40)
        assert curve.ppv[i] == pytest.approx(hits / (hits + falses))


def test_sensitivity_at_a_rate_never_spends_more_false_positives(matches: Matches) -> None:
    found = froc(matches, n_resamples=200, seed=0)
    for rate, estimate in zip(FALSE_POSITIVE_RATES, found.sensitivities, strict=True):
        allowed = [
            hits / total for t in np.unique(matches.scores)
            for hits, falses, total in [counted(matches, t, None)] if falses / 40 <= rate
        ]  # fmt: skip
        assert estimate.value == pytest.approx(max(allowed, default=0.0))
        assert estimate.low <= estimate.value <= estimate.high
    assert found.mean.value == pytest.approx(np.mean([e.value for e in found.sensitivities]))


def test_figures_at_a_threshold_of_each_class(matches: Matches) -> None:
    thresholds = np.array([0.3, 0.6, 0.5])
    found = at_threshold(matches, thresholds, n_resamples=200, seed=0)
    both = [counted(matches, thresholds[k], k) for k in (0, 1)]
    hits, falses, total = (sum(column) for column in zip(*both, strict=True))
    assert found.sensitivity.value == pytest.approx(hits / total)
    assert found.ppv.value == pytest.approx(hits / (hits + falses))
    assert found.false_positives_per_image.value == pytest.approx(falses / 40)


def test_locked_thresholds(matches: Matches) -> None:
    def f1(threshold: float) -> float:
        hits, falses, total = counted(matches, threshold, 0)
        return 2 * hits / (hits + falses + total)

    assert f1(best_f1_threshold(matches, 0)) == pytest.approx(max(f1(t) for t in np.unique(matches.scores)))
    asked = sensitive_threshold(matches, 0, 0.6)
    reached = [t for t in np.unique(matches.scores) if counted(matches, t, 0)[0] / counted(matches, t, 0)[2] >= 0.6]
    assert counted(matches, asked, 0) == counted(matches, max(reached), 0)
    assert best_f1_threshold(matches, 2) == 0.5


def test_without_objects_sensitivity_is_unknown_and_false_positives_are_counted() -> None:
    one = Detections(labels=np.array([0]), scores=np.array([0.9]), boxes=np.array([[0.0, 0, 9, 9]]))
    empty = match([one], np.full((1, 1, 5), -1.0), 1)
    assert math.isnan(froc(empty, n_resamples=5, seed=0).mean.value)
    found = at_threshold(empty, np.array([0.5]), n_resamples=5, seed=0)
    assert math.isnan(found.sensitivity.value)
    assert found.ppv.value == 0
    assert found.false_positives_per_image.value == 1


def test_patients_are_drawn_whole() -> None:
    found, targets = made(n_images=12)
    matches = match(found, targets, N_CLASSES)
    by_image = froc(matches, n_resamples=300, seed=1).mean
    by_patient = froc(matches, ["a"] * 6 + ["b"] * 6, n_resamples=300, seed=1).mean
    assert by_patient.n_patients == 2
    assert by_image.n_patients == 12
    rng = np.random.default_rng(1)
    halves = [froc(match(found[6 * p : 6 * p + 6], targets[6 * p : 6 * p + 6], N_CLASSES), n_resamples=1, seed=0).mean
              for p in (0, 1)]  # fmt: skip
    drawn = {tuple(sorted(rng.integers(2, size=2))) for _ in range(300)}
    assert drawn == {(0, 0), (0, 1), (1, 1)}
    assert by_patient.low == pytest.approx(min(half.value for half in halves))
    assert by_patient.high == pytest.approx(max(half.value for half in halves))
