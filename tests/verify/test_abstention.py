"""Sets and referral rules on cases they were not fitted on, and what is refused."""

import math

import numpy as np
import pytest

from bedside.base.errors import InputError
from bedside.base.jsonform import from_json, to_json
from bedside.verify.abstention import (
    MAX_ERRORS_FRAC,
    AbstentionEvidence,
    AbstentionRules,
    abstention_evidence,
    confidence,
    fit_abstention,
    risk_curve,
)
from bedside.verify.metrics import softmax


def made(n: int, seed: int, *, skill: float = 3.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.3).astype(np.int64)
    probabilities = softmax(rng.normal(size=(n, 2)) + skill * np.eye(2)[labels])
    return labels, probabilities, probabilities.argmax(axis=1)


def test_the_rule_keeps_its_promises_on_other_cases() -> None:
    rule = fit_abstention(*made(600, 0))
    labels, probabilities, calls = made(4000, 1)
    found = abstention_evidence(rule, labels, (probabilities, calls), (probabilities, calls))
    assert found.coverage.holds
    assert min(e.value for e in found.coverage.by_class.values()) > 0.86
    assert sum(found.n_by_size) == found.n_cases == 4000
    for bound, outcome in zip(MAX_ERRORS_FRAC, found.outcomes, strict=True):
        assert outcome.holds
        assert math.isnan(outcome.error_frac.value) or outcome.error_frac.value < bound
    assert found.outcomes[-1].answered_frac.value > found.outcomes[0].answered_frac.value


def test_the_risk_curve_is_the_error_of_the_surest() -> None:
    labels, probabilities, calls = made(200, 2)
    curve = risk_curve(calls == labels, confidence(probabilities, calls))
    sure = confidence(probabilities, calls)
    order = np.argsort(-sure)
    for point in curve:
        n = round(point.answered_frac * 200)
        assert point.error_frac.value == pytest.approx(float((calls != labels)[order[:n]].mean()))
        assert sure[order[n - 1]] == pytest.approx(point.least_confidence)
    assert curve[-1].answered_frac == 1
    assert [p.answered_frac for p in curve] == sorted(p.answered_frac for p in curve)


def test_ties_are_answered_together() -> None:
    (only,) = risk_curve(np.array([True, False, True]), np.full(3, 0.7))
    assert (only.answered_frac, only.error_frac.value) == (1.0, pytest.approx(1 / 3))


def test_reasons_name_the_bound_and_refer_the_unsure() -> None:
    rule = fit_abstention(*made(600, 0))
    _, probabilities, calls = made(300, 3)
    reasons = rule.reasons(probabilities, calls, max_error_frac=0.05)
    threshold = rule.bounded(0.05).least_confidence
    assert threshold is not None
    assert [bool(r) for r in reasons] == (confidence(probabilities, calls) < threshold).tolist()
    assert all("5 %" in r for r in reasons if r)


def test_where_no_threshold_keeps_the_bound_everything_is_referred() -> None:
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(2, size=100), softmax(rng.normal(size=(100, 2)))
    rule = fit_abstention(labels, probabilities, probabilities.argmax(axis=1))
    assert rule.bounded(0.01).least_confidence is None
    assert all(rule.reasons(probabilities, probabilities.argmax(axis=1), max_error_frac=0.01))


def test_copies_of_a_patient_change_no_threshold() -> None:
    labels, probabilities, calls = made(80, 4)
    once = fit_abstention(labels, probabilities, calls)
    again = fit_abstention(
        *(np.repeat(a, 3, axis=0) for a in (labels, probabilities, calls)), np.repeat(np.arange(80), 3)
    )
    assert [r.least_confidence for r in again.selective] == [r.least_confidence for r in once.selective]
    assert again.sets == once.sets


def test_bad_input_is_refused(refuses) -> None:
    labels, probabilities, calls = made(50, 0)
    with refuses(InputError, "0.07"):
        fit_abstention(labels, probabilities, calls).bounded(0.07)
    with refuses(InputError, "19 tuning patients"):
        fit_abstention(labels[:19], probabilities[:19], calls[:19])
    for wrong in (math.nan, 1.2, -0.1):
        spoilt = probabilities.copy()
        spoilt[3, 0] = wrong
        with pytest.raises(InputError):
            fit_abstention(labels, spoilt, calls)


def test_the_json_form_comes_back_equal() -> None:
    labels, probabilities, calls = made(60, 5, skill=8.0)
    rules = AbstentionRules(of_model={"litert int8": fit_abstention(labels, probabilities, calls)})
    assert to_json(from_json(AbstentionRules, to_json(rules))) == to_json(rules)
    found = abstention_evidence(rules.of_model["litert int8"], labels, (probabilities, calls), (probabilities, calls))
    assert to_json(from_json(AbstentionEvidence, to_json(found))) == to_json(found)
