"""As good as the reference, give or take a margin set beforehand."""

import math

import numpy as np
import pytest

from bedside.base.errors import InputError
from bedside.base.task import Task
from bedside.verify.intervals import resamples
from bedside.verify.noninferiority import NonInferiority, auroc_of, compare_aurocs

TASK = Task(classes=("no", "yes"))


def as_probabilities(score: np.ndarray) -> np.ndarray:
    positive = 1 / (1 + np.exp(-score))
    return np.stack([1 - positive, positive], axis=1)


def compared(n: int, noise: float, margin: float = 0.05, seed: int = 0, repeats: int = 1) -> NonInferiority:
    """A reference with an AUROC of about 0.92, and a model that adds noise to its score."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    reference = rng.normal(size=n) + 2 * labels
    small = reference + rng.normal(size=n) * noise
    labels, reference, small = (np.tile(array, repeats) for array in (labels, reference, small))
    draws = resamples([str(i) for i in range(n * repeats)], n_resamples=400, seed=seed)
    return compare_aurocs(
        TASK, labels, as_probabilities(small), as_probabilities(reference), margin=margin, draws=draws,
        n_patients=n * repeats,
    )  # fmt: skip


def test_an_equal_model_passes_however_few_the_cases() -> None:
    got = compared(30, noise=0.0)
    assert got.verdict == "PASS"
    assert (got.difference.value, got.difference.low, got.difference.high) == (0, 0, 0)
    assert got.n_patients_needed is None


def test_a_slightly_noisier_model_passes_with_many_cases() -> None:
    got = compared(3000, noise=0.3)
    assert got.verdict == "PASS"
    assert got.difference.low > -0.05


def test_a_much_worse_model_fails() -> None:
    got = compared(1000, noise=4.0)
    assert got.verdict == "FAIL"
    assert got.difference.high < -0.05
    assert got.n_patients_needed is None


def test_too_few_cases_are_inconclusive_and_the_number_that_would_do_is_given() -> None:
    got = compared(80, noise=0.8)
    assert got.verdict == "INCONCLUSIVE"
    assert got.difference.low < -0.05 < got.difference.high
    assert got.n_patients_needed is not None
    assert 80 < got.n_patients_needed < 100_000
    assert f"{got.n_patients_needed:,} patients would settle it" in str(got)


def test_that_many_cases_do_settle_it() -> None:
    small = compared(80, noise=0.8)
    repeats = math.ceil(1.3 * small.n_patients_needed / 80)
    assert compared(80, noise=0.8, repeats=repeats).verdict != "INCONCLUSIVE"
    assert compared(80, noise=0.8, repeats=max(1, repeats // 4)).verdict == "INCONCLUSIVE"


def test_the_comparison_is_paired() -> None:
    """Two strongly correlated models differ far less surely than two independent ones of the same quality."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 2
    base = rng.normal(size=300) + labels
    correlated = base + rng.normal(size=300) * 0.05
    independent = rng.normal(size=300) + labels
    draws = resamples([str(i) for i in range(300)], n_resamples=300, seed=0)

    def width(small: np.ndarray) -> float:
        got = compare_aurocs(
            TASK, labels, as_probabilities(small), as_probabilities(base), margin=0.05, draws=draws, n_patients=300
        )
        return got.difference.high - got.difference.low

    assert width(correlated) * 4 < width(independent)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_is_inconclusive_with_no_number(label: int) -> None:
    labels, probabilities = np.full(20, label), as_probabilities(np.arange(20.0))
    draws = resamples([str(i) for i in range(20)], n_resamples=50, seed=0)
    got = compare_aurocs(TASK, labels, probabilities, probabilities, margin=0.05, draws=draws, n_patients=20)
    assert got.verdict == "INCONCLUSIVE"
    assert math.isnan(got.difference.value)
    assert "not estimable" in str(got)


@pytest.mark.parametrize("margin", [0, 1, -0.02, 2, math.nan])
def test_a_margin_is_between_0_and_1(refuses, margin: float) -> None:
    with refuses(InputError, "margin"):
        compared(20, noise=0.1, margin=margin)


def test_the_positive_class_may_be_the_first() -> None:
    labels, probabilities = np.array([0, 0, 1, 1]), as_probabilities(np.array([-2.0, -1, 1, 2]))
    assert auroc_of(Task(classes=("a", "b"), positive=0), labels, probabilities) == 1
    assert auroc_of(Task(classes=("a", "b"), positive=1), labels, probabilities) == 1
    assert auroc_of(Task(classes=("a", "b", "c")), np.array([0, 0, 1, 1]), np.eye(3)[[0, 0, 1, 1]]) == 1
