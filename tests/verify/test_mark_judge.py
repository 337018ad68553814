"""The judges of several findings and of ordered classes: what is locked, what parity means, what the evidence says."""

import numpy as np
import pytest
from sklearn import metrics as sk

from bedside.base.jsonform import from_json, to_json
from bedside.base.task import Task
from bedside.bundle.evidence_words import headline, metrics_of
from bedside.verify.evidence import Evidence
from bedside.verify.grade_judge import GRADES
from bedside.verify.judge import Answer, Truth, judge_of
from bedside.verify.mark_judge import MARKS, worst_finding
from bedside.verify.measured import MeasuredEvidence

NAMES = ("effusion", "mass", "hernia")
TASK = Task(classes=NAMES, positive=0, kind="multilabel")
GRADED = Task(classes=("none", "mild", "severe"), positive=1, kind="ordinal")


def marked(seed: int = 0, n: int = 240) -> tuple[Truth, np.ndarray]:
    rng = np.random.default_rng(seed)
    marks = (rng.random((n, 3)) < (0.2, 0.4, 0.1)).astype(np.int64)
    logits = rng.normal(size=(n, 3)) + 2 * marks - 3
    marks[rng.random((n, 3)) < 0.15] = -1
    return Truth(task=TASK, targets=marks, units=tuple(f"p{i // 2}" for i in range(n))), logits


def graded(n: int = 240) -> tuple[Truth, np.ndarray]:
    rng = np.random.default_rng(1)
    grades = rng.integers(0, 3, n)
    logits = -2.0 * (np.arange(3) - (grades + rng.normal(scale=0.5, size=n))[:, None]) ** 2
    return Truth(task=GRADED, targets=grades, units=tuple(f"p{i // 2}" for i in range(n))), logits


def test_each_kind_has_its_judge() -> None:
    assert judge_of(TASK) is MARKS
    assert judge_of(GRADED) is GRADES


def test_probabilities_are_recalibrated_and_called_finding_by_finding() -> None:
    truth, logits = marked()
    point = MARKS.lock(truth, logits, target_sensitivity=None)
    assert from_json(type(point), to_json(point), where="made") == point
    p = point.probabilities(logits)
    for k in range(3):
        known = truth.targets[:, k] >= 0
        assert p[known, k].mean() == pytest.approx((truth.targets[known, k] == 1).mean(), abs=0.03)
        assert sk.roc_auc_score(truth.targets[known, k], p[known, k]) == sk.roc_auc_score(
            truth.targets[known, k], logits[known, k]
        )
    np.testing.assert_array_equal(point.calls(p), p >= np.array(point.thresholds_prob))


def test_a_better_model_has_the_better_monitor() -> None:
    truth, logits = marked()
    score = MARKS.monitor(TASK)
    noisy = logits + 3 * np.random.default_rng(3).normal(size=logits.shape)
    assert score(truth.targets, logits) > score(truth.targets, noisy)
    grades, outputs = graded()
    assert GRADES.monitor(GRADED)(grades.targets, outputs) > GRADES.monitor(GRADED)(grades.targets, outputs[::-1])


def test_the_finding_that_flips_most_is_what_parity_looks_at() -> None:
    before = np.zeros((100, 3), np.int64)
    now = before.copy()
    now[:7, 2] = 1
    assert worst_finding(before, now) == 0.07


def test_the_evidence_of_findings_is_about_the_mean_and_names_each() -> None:
    truth, logits = marked()
    other = logits + 0.3 * np.random.default_rng(5).normal(size=logits.shape)
    shipped, reference = (
        Answer(outputs=x, point=MARKS.lock(truth, x, target_sensitivity=None)) for x in (other, logits)
    )
    found = MARKS.evaluate(
        truth, shipped=shipped, reference=reference, own_fp32=logits, margin=0.2, reason="a test", seed=0
    )
    assert isinstance(found, MeasuredEvidence)
    assert from_json(MeasuredEvidence, to_json(found), where="made") == found
    areas = []
    for k, name in enumerate(NAMES):
        known = truth.targets[:, k] >= 0
        areas.append(sk.roc_auc_score(truth.targets[known, k], other[known, k]))
        assert found.shipped.values[f"auroc/{name}"].value == pytest.approx(areas[-1])
        assert f"auroc/{name}" in found.metrics
        assert 0 <= found.p_values[f"auroc_difference/{name}"] <= 1
    assert found.shipped.values["macro_auroc"].value == pytest.approx(np.mean(areas))
    assert headline(found)[0] == found.primary == "macro_auroc"
    assert found.non_inferiority.verdict == "PASS"
    assert found.non_inferiority.metric == "macro AUROC"
    assert found.n_patients == 120
    assert "unknown" in found.conventions[0]
    calls = [shipped.point.calls(shipped.point.probabilities(x)) for x in (other, logits)]
    assert found.flips_frac.value == pytest.approx((calls[0] != calls[1]).mean())
    score, judged = MARKS.tuning(truth, shipped=shipped, reference=reference, margin=0.2, seed=0)
    assert score.value == pytest.approx(np.mean(areas))
    assert judged.difference.value == pytest.approx(found.non_inferiority.difference.value)


def test_the_evidence_of_grades_is_about_kappa_and_keeps_the_rest() -> None:
    truth, logits = graded()
    answer = Answer(outputs=logits, point=GRADES.lock(truth, logits, target_sensitivity=None))
    found = GRADES.evaluate(
        truth, shipped=answer, reference=answer, own_fp32=logits, margin=0.05, reason="a test", seed=0
    )
    assert isinstance(found, Evidence)
    assert from_json(Evidence, to_json(found), where="made") == found
    called = logits.argmax(axis=1)
    expected = sk.cohen_kappa_score(truth.targets, called, weights="quadratic")
    assert found.shipped.metrics()["quadratic_kappa"].value == pytest.approx(expected)
    assert found.shipped.accuracy.value == pytest.approx((called == truth.targets).mean())
    assert found.primary == headline(found)[0] == "quadratic_kappa"
    assert list(metrics_of(found)) == list(found.shipped.metrics())
    assert (found.non_inferiority.verdict, found.non_inferiority.difference.value) == ("PASS", 0)
