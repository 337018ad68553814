"""Pre-training learns to tell images apart without a label, and leaves the head alone."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pre-training needs the workshop extra")

from bedside.base.errors import CohortError, InputError
from bedside.base.task import TensorSpec
from bedside.data.augment import Augment
from bedside.data.preprocess import Preprocess
from bedside.train.architecture import Architecture, build
from bedside.train.checkpoint import weights_digest
from bedside.train.pretraining import PretrainPlan, contrast, pretrain

pytestmark = pytest.mark.workshop

PREPROCESS = Preprocess(n_channels=1, height_px=16, width_px=16)
MILD = Augment(rotate_deg=5, shift_frac=0.05, scale_frac=0.05, gain_frac=0.1, offset_frac=0.05, gamma_frac=0.1,
               erase_prob=0)  # fmt: skip
PLAN = PretrainPlan(n_epochs=9, batch_size=32, learning_rate=1e-2, augment=MILD)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Blots, each of its own kind, ``(96, 1, 16, 16)``."""
    coarse = np.random.default_rng(0).integers(0, 256, (96, 1, 4, 4), dtype=np.uint8)
    return coarse.repeat(4, axis=2).repeat(4, axis=3)


def network(seed: int = 0) -> torch.nn.Module:
    spec = TensorSpec(n_channels=1, height_px=16, width_px=16)
    return build(Architecture(family="residual", width=0.25, spec=spec, n_classes=2), seed=seed)


def test_the_loss_falls_below_chance(images: np.ndarray) -> None:
    model, marks = pretrain(network(), PLAN, images, PREPROCESS)
    assert marks[-1].loss < marks[0].loss
    assert marks[-1].loss < math.log(2 * PLAN.batch_size - 1) - 0.5
    assert not model.training


def test_the_classifier_is_as_it_was(images: np.ndarray) -> None:
    before = network().state_dict()
    after = pretrain(network(), PretrainPlan(n_epochs=1, batch_size=32), images, PREPROCESS)[0].state_dict()
    assert set(before) == set(after)
    assert torch.equal(before["3.linear.weight"], after["3.linear.weight"])
    assert not torch.equal(before["0.0.weight"], after["0.0.weight"])


def test_the_seed_decides(images: np.ndarray) -> None:
    short = PretrainPlan(n_epochs=1, batch_size=32)
    digests = [weights_digest(pretrain(network(), short, images, PREPROCESS)[0]) for _ in range(2)]
    assert digests[0] == digests[1]


def test_the_loss_is_that_of_its_formula() -> None:
    rows = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    unit = (rows / rows.norm(dim=1, keepdim=True)).numpy().astype(np.float64)
    terms = []
    for i in range(8):
        partner = (i + 4) % 8
        weights = [math.exp(float(unit[i] @ unit[j]) / 0.3) for j in range(8) if j != i]
        terms.append(math.log(sum(weights)) - float(unit[i] @ unit[partner]) / 0.3)
    assert float(contrast(rows, 0.3)) == pytest.approx(np.mean(terms), rel=1e-5)


def test_too_few_images_are_refused(images: np.ndarray) -> None:
    with pytest.raises(CohortError, match="7 images are too few"):
        pretrain(network(), PLAN, images[:7], PREPROCESS)
    with pytest.raises(InputError, match="batches of 2"):
        PretrainPlan(n_epochs=1, batch_size=2)
