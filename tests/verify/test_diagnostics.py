"""Every figure of one question against independent implementations, and what degenerate input gives."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn import metrics as sk

from bedside.base.errors import InputError, ShapeError
from bedside.base.jsonform import from_json, to_json
from bedside.verify.agreement import kappa, kappa_estimate
from bedside.verify.calibration import recalibration, reliability
from bedside.verify.checking import ONE_CLASS, PERFECT, SWAPPED
from bedside.verify.diagnostics import Diagnostics, diagnose, diagnose_labels
from bedside.verify.fixed_rate import sensitivity_at_specificity, specificity_at_sensitivity
from bedside.verify.intervals import wilson
from bedside.verify.net_benefit import decision_curve


def made(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    ill = rng.random(n) < 0.3
    return ill, 1 / (1 + np.exp(-(1.5 * rng.normal(size=n) + 2 * ill - 1)))


def test_every_value_is_that_of_scikit_learn() -> None:
    ill, probability = made()
    called = probability >= 0.5
    got = diagnose(ill, probability, called, n_resamples=100)
    expected = {
        "auroc": sk.roc_auc_score(ill, probability),
        "average_precision": sk.average_precision_score(ill, probability),
        "sensitivity": sk.recall_score(ill, called),
        "ppv": sk.precision_score(ill, called),
        "accuracy": sk.accuracy_score(ill, called),
        "balanced_accuracy": sk.balanced_accuracy_score(ill, called),
        "f1": sk.f1_score(ill, called),
        "mcc": sk.matthews_corrcoef(ill, called),
        "kappa": sk.cohen_kappa_score(ill, called),
        "brier": sk.brier_score_loss(ill, probability),
    }
    lr_positive, lr_negative = sk.class_likelihood_ratios(ill, called)
    for name, value in (expected | {"lr_positive": lr_positive, "lr_negative": lr_negative}).items():
        assert got.metrics[name].value == pytest.approx(value, abs=1e-9), name
    for name, estimate in got.metrics.items():
        assert estimate.low < estimate.value < estimate.high, name
        assert estimate.method, name
    assert (got.n_cases, got.n_positive, got.n_patients, got.flags) == (400, int(ill.sum()), 400, ())


def test_slope_and_intercept_are_those_of_statsmodels() -> None:
    ill, probability = made()
    logit = np.log(probability / (1 - probability))
    found = recalibration(ill, probability)
    model = sm.Logit(ill.astype(float), sm.add_constant(logit)).fit(disp=0)
    assert found.slope.value == pytest.approx(model.params[1], abs=1e-8)
    assert (found.slope.high - found.slope.low) / 2 == pytest.approx(1.97 * model.bse[1], rel=0.1)
    large = sm.GLM(ill.astype(float), np.ones(400), family=sm.families.Binomial(), offset=logit).fit()
    assert found.intercept.value == pytest.approx(large.params[0], abs=1e-8)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_weighted_kappa_is_that_of_scikit_learn(weights: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(5, size=200)
    called = np.clip(labels + rng.integers(-2, 3, size=200), 0, 4)
    expected = sk.cohen_kappa_score(labels, called, weights=None if weights == "none" else weights)
    assert kappa(labels, called, 5, weights) == pytest.approx(expected)
    got = kappa_estimate(labels, called, 5, weights=weights)
    draws = np.random.default_rng(1).integers(200, size=(400, 200))
    spread = np.std([kappa(labels[r], called[r], 5, weights) for r in draws])
    assert (got.high - got.low) / 3.92 == pytest.approx(spread, rel=0.12)


def test_rates_where_the_other_is_held() -> None:
    ill, probability = made()
    for held in (0.9, 0.95):
        fpr, tpr, _ = sk.roc_curve(ill, probability, drop_intermediate=False)
        assert sensitivity_at_specificity(ill, probability, held) == pytest.approx(tpr[fpr <= 1 - held + 1e-12].max())
        assert specificity_at_sensitivity(ill, probability, held) == pytest.approx(1 - fpr[tpr >= held - 1e-12].min())


def test_net_benefit_is_its_formula() -> None:
    ill, probability = made()
    for point in decision_curve(ill, probability, thresholds=(0.1, 0.5, 0.8)):
        t = point.threshold_prob
        called = probability >= t
        expected = ((ill & called).sum() - (~ill & called).sum() * t / (1 - t)) / 400
        assert point.model.value == pytest.approx(expected)
        assert point.treat_all.value == pytest.approx(ill.mean() - (1 - ill.mean()) * t / (1 - t))
        assert point.model_minus_all.value == pytest.approx(point.model.value - point.treat_all.value)
        assert point.model.low < point.model.value < point.model.high


def test_the_reliability_curve_has_wilsons_bands() -> None:
    ill, probability = made()
    curve = reliability(ill, probability, n_bins=8)
    assert sum(b.n_cases for b in curve) == 400
    rows = np.argsort(probability)[:50]
    assert curve[0].observed == wilson(int(ill[rows].sum()), 50)
    assert [b.mean_prob for b in curve] == sorted(b.mean_prob for b in curve)


@pytest.mark.parametrize("ill", [np.zeros(6, bool), np.ones(6, bool)], ids=["nobody ill", "all ill"])
def test_one_class_only_makes_nothing_up(ill: np.ndarray) -> None:
    probability = np.linspace(0.1, 0.9, 6)
    got = diagnose(ill, probability, probability >= 0.5, n_resamples=20)
    assert got.flags == (ONE_CLASS,)
    for name in ("auroc", "average_precision", "mcc", "balanced_accuracy", "calibration_slope",
                 "sensitivity_at_specificity_90"):  # fmt: skip
        assert math.isnan(got.metrics[name].value), name
    assert math.isnan(got.metrics["specificity" if ill.all() else "sensitivity"].value)
    again = from_json(Diagnostics, to_json(got))
    assert to_json(again) == to_json(got)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_cohorts_have_figures_or_say_that_they_have_not(n: int) -> None:
    ill, probability = np.arange(n) == 0, np.linspace(0.7, 0.2, n)
    got = diagnose(ill, probability, probability >= 0.5, units=["one"] * n, n_resamples=10)
    for name, estimate in got.metrics.items():
        assert math.isnan(estimate.value) or estimate.low <= estimate.value <= estimate.high, name
    assert got.n_patients == 1


def test_perfect_separation_has_no_slope_and_is_flagged() -> None:
    ill = np.arange(40) < 15
    probability = np.where(ill, 0.8, 0.1) + np.linspace(0, 0.1, 40)
    got = diagnose(ill, probability, probability >= 0.5, n_resamples=50)
    assert got.flags == (PERFECT,)
    assert math.isnan(got.metrics["calibration_slope"].value)
    assert math.isinf(got.metrics["calibration_slope"].high)
    assert not math.isnan(got.metrics["calibration_intercept"].value)
    assert got.metrics["sensitivity"].low < 0.9
    assert got.metrics["mcc"].value == pytest.approx(1)
    assert got.metrics["lr_positive"].value == math.inf


def test_swapped_labels_are_flagged() -> None:
    ill, probability = made()
    assert diagnose(~ill, probability, probability >= 0.5, n_resamples=10).flags == (SWAPPED,)


@pytest.mark.parametrize(("bad", "word"), [(math.nan, "NaN"), (1.2, "outside"), (-0.1, "outside"), (math.inf, "NaN")])
def test_scores_that_are_no_probabilities_are_refused(refuses, bad: float, word: str) -> None:
    ill, probability = made(20)
    probability[3] = bad
    with refuses(InputError, word):
        diagnose(ill, probability, ill)
    with refuses(ShapeError):
        diagnose(ill, probability[:5], ill)


def test_many_labels_share_one_set_of_draws() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((150, 3)) < (0.1, 0.4, 0.0)
    probability = np.clip(rng.random((150, 3)) * 0.6 + 0.3 * truth, 0, 1)
    thresholds = {"effusion": 0.5, "mass": 0.4, "hernia": 0.5}
    got = diagnose_labels(truth, probability, thresholds, units=[f"p{i // 2}" for i in range(150)], n_resamples=50)
    assert list(got.labels) == list(thresholds)
    alone = diagnose(truth[:, 1], probability[:, 1], probability[:, 1] >= 0.4,
                     units=[f"p{i // 2}" for i in range(150)], n_resamples=50)  # fmt: skip
    assert got.labels["mass"] == alone
    assert got.labels["hernia"].flags == (ONE_CLASS,)
    assert got.averages["macro_auroc"].value == pytest.approx(
        sk.roc_auc_score(truth[:, :2], probability[:, :2], average="macro")
    )
