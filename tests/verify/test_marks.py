"""Findings that may be there together: scikit-learn on the known cells, and what unknown marks do."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from bedside.base.errors import ShapeError
from bedside.verify.checking import ONE_CLASS
from bedside.verify.clusters import unit_index
from bedside.verify.delong import delong_test
from bedside.verify.diagnostics import diagnose
from bedside.verify.intervals import resamples
from bedside.verify.mark_points import fit_platt, lock_marks, mark_loss, scaled
from bedside.verify.marks import (
    compare_marks,
    diagnose_marks,
    has_both,
    macro_figure,
    macro_mark_estimate,
    mark_draws,
    micro_mark_estimates,
)
from bedside.verify.resampling import unit_weights, weights_of

NAMES = ("effusion", "mass", "hernia")
UNITS = np.arange(300) // 2
INDEX = unit_index(UNITS, 300)


def made(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """300 cases of 150 patients: marks with a fifth unknown, the third finding never there; logits that know a bit."""
    rng = np.random.default_rng(seed)
    marks = (rng.random((300, 3)) < (0.15, 0.4, 0.0)).astype(np.int64)
    logits = rng.normal(size=(300, 3)) + 1.5 * marks - 0.5
    marks[rng.random((300, 3)) < 0.2] = -1
    return marks, logits


def probability(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def test_averages_are_those_of_scikit_learn_over_the_known_cells() -> None:
    marks, logits = made()
    p, known = probability(logits), marks != -1
    areas = [sk.roc_auc_score(marks[known[:, k], k], p[known[:, k], k]) for k in (0, 1)]
    assert macro_figure(marks, p) == pytest.approx(np.mean(areas))
    precisions = [sk.average_precision_score(marks[known[:, k], k], p[known[:, k], k]) for k in (0, 1)]
    assert macro_figure(marks, p, "average_precision") == pytest.approx(np.mean(precisions))
    weights = unit_weights(UNITS, 300, n_resamples=200, seed=1)
    micro = micro_mark_estimates(marks, p, weights, INDEX)
    assert micro["auroc"].value == pytest.approx(sk.roc_auc_score(marks[known], p[known]))
    assert micro["average_precision"].value == pytest.approx(sk.average_precision_score(marks[known], p[known]))
    assert micro["auroc"].low < micro["auroc"].value < micro["auroc"].high


def test_the_macro_interval_is_that_of_drawing_patients_one_by_one() -> None:
    marks, logits = made()
    rows = resamples([str(u) for u in UNITS], n_resamples=60, seed=2)
    draws = mark_draws(marks, logits, weights_of(rows, 300))
    by_hand = [macro_figure(marks[r], logits[r]) for r in rows]
    np.testing.assert_allclose(draws.macro("auroc"), by_hand)
    got = macro_mark_estimate("auroc", marks, logits, draws, INDEX)
    assert (got.low, got.high) == pytest.approx(tuple(np.percentile(by_hand, [2.5, 97.5])))
    assert got.n_patients == 150


def test_a_finding_is_scored_over_the_cases_of_which_it_is_known() -> None:
    marks, logits = made()
    p, weights = probability(logits), unit_weights(UNITS, 300, n_resamples=50, seed=0)
    calls = (p >= 0.4).astype(np.int64)
    got = diagnose_marks(marks, p, calls, NAMES, index=UNITS, weights=weights, draws=mark_draws(marks, p, weights))
    known = marks[:, 1] != -1
    alone = diagnose(
        marks[known, 1] == 1, p[known, 1], calls[known, 1] == 1, units=UNITS[known], weights=weights[:, known]
    )
    assert got.labels["mass"] == alone
    assert alone.n_cases == known.sum() < 300
    assert got.labels["hernia"].flags == (ONE_CLASS,)
    assert set(got.averages) == {"macro_auroc", "macro_average_precision", "micro_auroc", "micro_average_precision"}
    np.testing.assert_array_equal(has_both(marks), [True, True, False])


def test_what_is_unknown_never_counts() -> None:
    marks, logits = made()
    changed = np.where(marks == -1, -logits * 7, logits)
    weights = unit_weights(UNITS, 300, n_resamples=20, seed=0)
    assert macro_figure(marks, logits) == macro_figure(marks, changed)
    assert mark_loss(marks, logits) == mark_loss(marks, changed)
    for one, two in ((logits, changed),):
        first, second = (micro_mark_estimates(marks, probability(x), weights, INDEX) for x in (one, two))
        assert first == second
    assert lock_marks(marks, logits, NAMES) == lock_marks(marks, changed, NAMES)


def test_a_finding_that_nobody_knows_has_no_figures() -> None:
    marks, logits = made()
    marks[:, 0] = -1
    p, weights = probability(logits), unit_weights(UNITS, 300, n_resamples=20, seed=0)
    got = diagnose_marks(
        marks, p, (p > 0.5).astype(int), NAMES, index=UNITS, weights=weights, draws=mark_draws(marks, p, weights)
    )
    assert (got.labels["effusion"].n_cases, got.labels["effusion"].metrics) == (0, {})
    assert got.labels["effusion"].flags
    nothing = np.full((5, 3), -1)
    assert math.isnan(macro_figure(nothing, p[:5]))
    assert math.isnan(mark_loss(nothing, logits[:5]))
    assert math.isnan(micro_mark_estimates(nothing, p[:5], weights[:, :5], np.arange(5))["auroc"].value)


@pytest.mark.parametrize(
    ("marks", "scores"),
    [
        (np.array([[0, 2]]), np.zeros((1, 2))),
        (np.zeros((3, 2), int), np.zeros((3, 1))),
        (np.zeros((0, 2), int), np.zeros((0, 2))),
    ],
)
def test_marks_that_make_no_sense_are_refused(refuses, marks: np.ndarray, scores: np.ndarray) -> None:
    with refuses(ShapeError):
        macro_figure(marks, scores)


def test_two_models_are_tested_finding_by_finding_and_corrected() -> None:
    marks, logits = made()
    other = logits + np.random.default_rng(5).normal(size=logits.shape)
    got = compare_marks(marks, logits, other, NAMES, UNITS)
    assert list(got) == ["effusion", "mass"]
    known = marks[:, 0] != -1
    alone = delong_test(marks[known, 0] == 1, logits[known, 0], other[known, 0], UNITS[known])
    assert got["effusion"].test == alone
    smaller, larger = sorted((t.test.p_value, t.p_holm) for t in got.values())
    assert smaller[1] == pytest.approx(min(1, 2 * smaller[0]))
    assert larger[1] == pytest.approx(max(larger[0], smaller[1]))


def test_platt_is_the_logistic_regression_and_finite_where_classes_part() -> None:
    rng = np.random.default_rng(0)
    ill = rng.random(4000) < 0.2
    logit = rng.normal(size=4000) * 3 + 4 * ill + 2
    got = fit_platt(ill, logit)
    model = LogisticRegression(C=1e9, tol=1e-9).fit(logit[:, None], ill)
    assert got.slope == pytest.approx(model.coef_[0, 0], rel=0.02)
    assert got.offset == pytest.approx(model.intercept_[0], rel=0.02)
    assert scaled(logit, got).mean() == pytest.approx(ill.mean(), abs=0.01)
    apart = fit_platt(np.array([False, False, True, True]), np.array([-2.0, -1.0, 1.0, 2.0]))
    assert 0 < apart.slope < 10
    backwards = fit_platt(~ill, logit)
    assert backwards.slope == 1
    assert scaled(logit, backwards).mean() == pytest.approx((~ill).mean(), abs=0.01)


@pytest.mark.parametrize("target", [None, 0.9])
def test_every_finding_has_a_threshold_of_its_own(target: float | None) -> None:
    marks, logits = made()
    got = lock_marks(marks, logits, NAMES, target_sensitivity=target)
    for k in (0, 1):
        known = marks[:, k] != -1
        ill, p = marks[known, k] == 1, scaled(logits[known, k], got.platts[k])
        called = p >= got.thresholds_prob[k]
        if target is not None:
            assert called[ill].mean() >= target
            assert (p[ill] >= got.thresholds_prob[k] + 0.2).mean() < target
        else:
            fpr, tpr, _ = sk.roc_curve(ill, p)
            assert called[ill].mean() - called[~ill].mean() == pytest.approx((tpr - fpr).max())
    assert got.thresholds_prob[2] == 0.5
    assert "hernia" in got.rule
    assert "mass" not in got.rule


def test_the_loss_is_that_of_scikit_learn() -> None:
    marks, logits = made()
    known = marks != -1
    assert mark_loss(marks, logits) == pytest.approx(sk.log_loss(marks[known], probability(logits[known])))
