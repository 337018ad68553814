"""What the sealed test comes to, on made-up logits whose truth is known."""

import math

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score, roc_auc_score

from bedside.base.jsonform import from_json, to_json
from bedside.base.task import Task
from bedside.verify.evidence import Evidence, evaluate
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.score import METRICS

TASK = Task(classes=("no", "yes"))
POINT = OperatingPoint(temperature=1.5, threshold_prob=0.4, positive=1, rule="")
N = 300


def made(n_classes: int = 2, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=N)
    logits = rng.normal(size=(N, n_classes)) * 1.2 + 1.5 * np.eye(n_classes)[labels]
    return labels, logits + noise * np.random.default_rng(seed + 1).normal(size=logits.shape)


def judged(
    labels: np.ndarray, logits: np.ndarray, *, units: list[str] | None = None, own_fp32: np.ndarray | None = None,
    reference: np.ndarray | None = None, task: Task = TASK, point: OperatingPoint = POINT,
) -> Evidence:  # fmt: skip
    return evaluate(
        task, labels, units or [str(i) for i in range(len(labels))], shipped=(logits, point),
        reference=(logits if reference is None else reference, point),
        own_fp32=logits if own_fp32 is None else own_fp32, margin=0.02, reason="the test", seed=0,
    )  # fmt: skip


def test_an_equal_model_passes_and_flips_nobody() -> None:
    got = judged(*made())
    assert got.non_inferiority.verdict == "PASS"
    assert got.flips_frac.value == 0
    assert got.shipped == got.reference
    assert (got.n_cases, got.n_patients, got.reason) == (N, N, "the test")


def test_every_figure_is_scikit_learns() -> None:
    labels, logits = made()
    got = judged(labels, logits).shipped
    probability = 1 / (1 + np.exp((logits[:, 0] - logits[:, 1]) / 1.5))
    called = (probability >= 0.4).astype(int)
    assert got.auroc.value == pytest.approx(roc_auc_score(labels, probability))
    assert got.sensitivity.value == pytest.approx(recall_score(labels, called))
    assert got.specificity.value == pytest.approx(recall_score(labels, called, pos_label=0))
    assert got.ppv.value == pytest.approx(precision_score(labels, called))
    assert got.npv.value == pytest.approx(precision_score(labels, called, pos_label=0))
    assert got.f1.value == pytest.approx(f1_score(labels, called))
    assert got.accuracy.value == pytest.approx((labels == called).mean())
    np.testing.assert_array_equal(got.confusion, confusion_matrix(labels, called))
    assert np.sum(got.confusion) == N


def test_several_classes_are_one_against_the_rest_and_macro() -> None:
    labels, logits = made(n_classes=4)
    task = Task(classes=("a", "b", "c", "d"), positive=2)
    point = OperatingPoint(temperature=1.0, threshold_prob=None, positive=2, rule="most probable class")
    got = judged(labels, logits, task=task, point=point).shipped
    called = logits.argmax(axis=1)
    assert got.sensitivity.value == pytest.approx(recall_score(labels == 2, called == 2))
    assert got.ppv.value == pytest.approx(precision_score(labels == 2, called == 2))
    assert got.f1.value == pytest.approx(f1_score(labels, called, average="macro"))
    assert got.accuracy.value == pytest.approx((labels == called).mean())
    np.testing.assert_array_equal(got.confusion, confusion_matrix(labels, called))


def test_flips_are_counted_against_the_models_own_fp32_file() -> None:
    labels, logits = made()
    own = logits.copy()
    own[:9] = own[:9, ::-1] * 10  # nine strong answers the other way round
    point = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="")
    got = judged(labels, logits, own_fp32=own, point=point)
    assert got.flips_frac.value == pytest.approx(9 / N)
    assert 0 < got.flips_frac.low < 9 / N < got.flips_frac.high


def test_a_worse_model_does_not_pass() -> None:
    labels, logits = made()
    worse = logits + np.random.default_rng(3).normal(size=logits.shape) * 6
    assert judged(labels, worse, reference=logits).non_inferiority.verdict == "FAIL"


def test_every_metric_has_an_interval_around_it() -> None:
    metrics = judged(*made()).shipped.metrics()
    assert tuple(metrics) == METRICS
    for name, estimate in metrics.items():
        assert estimate.low <= estimate.value <= estimate.high, name
        assert estimate.low < estimate.high, name


def test_few_patients_widen_every_interval() -> None:
    labels, logits = made()
    labels, logits = np.repeat(labels[:30], 10), np.repeat(logits[:30], 10, axis=0)
    images = judged(labels, logits)
    patients = judged(labels, logits, units=[f"p{i // 10}" for i in range(N)])
    assert patients.n_patients == 30
    for name in METRICS:
        narrow, wide = images.shipped.metrics()[name], patients.shipped.metrics()[name]
        assert wide.value == narrow.value
        assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low), name


def test_one_class_only_is_not_made_up() -> None:
    labels, logits = made()
    healthy = labels == 0
    got = judged(labels[healthy], logits[healthy])
    assert math.isnan(got.shipped.auroc.value)
    assert math.isnan(got.shipped.sensitivity.value)
    assert not math.isnan(got.shipped.specificity.value)
    assert got.non_inferiority.verdict == "INCONCLUSIVE"
    back = from_json(Evidence, to_json(got))
    assert math.isnan(back.shipped.auroc.value)


def test_equal_runs_give_equal_evidence_and_it_survives_json() -> None:
    one, other = judged(*made()), judged(*made())
    assert one == other
    assert to_json(one) == to_json(other)
    assert from_json(Evidence, to_json(one)) == one
