"""White-box attacks by the toolbox: in the ball, strong, rounded, and without a trace."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="white-box attacks need the workshop extra")
pytest.importorskip("art", reason="white-box attacks need the extra attack")

from bedside.base.errors import InputError
from bedside.data.preprocess import Preprocess
from bedside.train.attacking import AttackPlan, white_box
from bedside.train.checkpoint import weights_digest

pytestmark = pytest.mark.workshop

PREPROCESS = Preprocess(n_channels=1, height_px=6, width_px=6)


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 2)).eval()


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(20, 236, (30, 1, 6, 6)).astype(np.uint8)


def logits(model: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return model(torch.from_numpy(PREPROCESS.normalize(images))).numpy()


@pytest.mark.parametrize("attack", ["fgsm", "pgd", "autoattack"])
def test_each_finds_the_worst_case_of_a_linear_network(model, images: np.ndarray, attack) -> None:
    """On a linear network one step of the gradient's sign is the best that there is."""
    labels = logits(model, images).argmax(axis=1)
    before, dice, numbers = weights_digest(model), torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    plan = AttackPlan(attack=attack, n_steps=10)
    found = white_box(model, images, labels, PREPROCESS, plan, eps_levels=12)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - images).max() <= 12
    weights = (model[1].weight[1] - model[1].weight[0]).detach().numpy().reshape(1, 6, 6)
    sign = np.where(labels == 1, -1, 1)[:, None, None, None]
    best = np.clip(images + 12 * sign * np.sign(weights), 0, 255).astype(np.uint8)
    fooled, possible = (logits(model, x).argmax(axis=1) != labels for x in (found, best))
    assert 3 < possible.sum() < 30
    assert (fooled <= possible).all()
    assert fooled.sum() >= 0.9 * possible.sum()
    assert weights_digest(model) == before
    assert torch.equal(torch.get_rng_state(), dice)
    assert (np.random.get_state()[1] == numbers).all()  # noqa: NPY002
    assert all(p.requires_grad for p in model.parameters())


def test_the_offset_moves_the_decision_that_is_attacked(model, images: np.ndarray) -> None:
    offset = np.array([0.0, 1.0])
    labels = (logits(model, images) + offset).argmax(axis=1)
    plan = AttackPlan(attack="pgd", n_steps=10)
    found = white_box(model, images, labels, PREPROCESS, plan, eps_levels=120, offset=offset)
    fooled = (logits(model, found) + offset).argmax(axis=1) != labels
    unmoved = white_box(model, images, labels, PREPROCESS, plan, eps_levels=120)
    assert (labels == 1).mean() > 0.8
    assert fooled.any()
    assert fooled.sum() >= ((logits(model, unmoved) + offset).argmax(axis=1) != labels).sum()


def test_the_seed_decides(model, images: np.ndarray) -> None:
    labels = logits(model, images).argmax(axis=1)
    runs = [
        white_box(model, images, labels, PREPROCESS, AttackPlan(attack="pgd", n_steps=3, seed=s), eps_levels=5)
        for s in (1, 1, 2)
    ]
    assert (runs[0] == runs[1]).all()


@pytest.mark.parametrize("wrong", [{"attack": "magic"}, {"attack": "pgd", "n_steps": 0}])
def test_nonsense_is_refused(wrong: dict, refuses) -> None:
    with refuses(InputError):
        AttackPlan(**wrong)
