"""The losses of several findings and of ordered classes, against their formulas in NumPy."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="losses need the workshop extra")

from bedside.train.mark_loss import MAX_WEIGHT, mark_loss, soft_mark_loss
from bedside.train.soft_grades import grade_loss, soft_grades

pytestmark = pytest.mark.workshop


def made() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 3)), rng.choice([-1, 0, 1], size=(40, 3), p=[0.2, 0.6, 0.2])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_known_cells_are_weighted_by_rarity(smoothing: float) -> None:
    logits, marks = made()
    target = (marks == 1) * (1 - smoothing) + smoothing / 2
    each = np.logaddexp(0, logits) - target * logits
    weight = (marks == 0).sum() / (marks == 1).sum()
    expected = (each * np.where(marks == 1, weight, 1))[marks >= 0].sum() / (marks >= 0).sum()
    got = mark_loss(torch.from_numpy(logits), torch.from_numpy(marks), label_smoothing=smoothing)
    assert float(got) == pytest.approx(expected)


def test_unknown_cells_have_no_gradient_and_weights_have_bounds() -> None:
    logits, marks = made()
    outputs = torch.from_numpy(logits).requires_grad_()
    mark_loss(outputs, torch.from_numpy(marks)).backward()
    assert (outputs.grad[torch.from_numpy(marks) == -1] == 0).all()
    assert (outputs.grad[torch.from_numpy(marks) != -1] != 0).all()
    rare = torch.zeros(500, 1, dtype=torch.int64)
    rare[0] = 1
    flat = torch.zeros(500, 1, dtype=torch.float64)
    assert float(mark_loss(flat, rare)) == pytest.approx(np.log(2) * (499 + MAX_WEIGHT) / 500)
    assert float(mark_loss(flat, 1 - rare)) == pytest.approx(np.log(2))
    assert float(mark_loss(flat, torch.full_like(rare, -1))) == 0


def test_a_student_that_says_what_its_teacher_says_has_no_divergence() -> None:
    logits, _ = made()
    teacher = torch.from_numpy(logits)
    assert float(soft_mark_loss(teacher, teacher, temperature=2.0)) == pytest.approx(0, abs=1e-12)
    p, q = (1 / (1 + np.exp(-x / 2)) for x in (logits, logits + 1))
    divergence = (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).mean()
    assert float(soft_mark_loss(teacher + 1, teacher, temperature=2.0)) == pytest.approx(4 * divergence)


def test_soft_grades_know_the_order() -> None:
    got = soft_grades(torch.tensor([0, 2, 4]), 5).numpy()
    np.testing.assert_allclose(got.sum(axis=1), 1, rtol=1e-6)
    assert got.argmax(axis=1).tolist() == [0, 2, 4]
    assert (np.diff(got[0]) < 0).all()
    np.testing.assert_allclose(got[1], got[1][::-1])
    assert got[1, 1] / got[1, 2] == pytest.approx(np.exp(-2))
    near, far = (torch.nn.functional.one_hot(torch.tensor([k]), 5) * 6.0 for k in (1, 4))
    truth = torch.tensor([0])
    assert grade_loss(near, truth) < grade_loss(far, truth)
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    grades = torch.tensor([0, 1, 2, 3, 4, 0])
    soft = soft_grades(grades, 5)
    assert float(grade_loss(logits, grades)) == pytest.approx(float(torch.nn.functional.cross_entropy(logits, soft)))
