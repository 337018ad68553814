"""Adversarial training: the search stays in its ball and hurts; the trained network is harder to fool."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fitting needs the workshop extra")

from bedside.base.errors import InputError
from bedside.base.task import TensorSpec
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.targets import labels_of
from bedside.train.architecture import Architecture, build
from bedside.train.checkpoint import weights_digest
from bedside.train.fitting import TrainingData, fit
from bedside.train.hardening import Hardening, harden
from bedside.train.plan import TrainPlan
from bedside.verify.metrics import auroc

pytestmark = pytest.mark.workshop

ARCHITECTURE = Architecture(
    family="residual", width=0.25, spec=TensorSpec(n_channels=1, height_px=16, width_px=16), n_classes=2
)
PREPROCESS = Preprocess(n_channels=1, height_px=16, width_px=16)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    split = split_by_patient(load_cohort("phantom:ultrasound", n="300", size_px="16"), seed=0)
    return TrainingData(
        development=stack_images(split.development, PREPROCESS),
        development_targets=labels_of(split.development),
        tuning=stack_images(split.tuning, PREPROCESS),
        tuning_targets=labels_of(split.tuning),
        preprocess=PREPROCESS,
    )


def monitor(labels: np.ndarray, logits: np.ndarray) -> float:
    return auroc(labels == 1, logits[:, 1] - logits[:, 0])


def fitted(data: TrainingData, n_epochs: int, hardening: Hardening | None):
    plan = TrainPlan(n_epochs=n_epochs, n_views=2, learning_rate=3e-3)
    return fit(build(ARCHITECTURE, seed=0), plan, data, monitor=monitor, hardening=hardening)[0]


def loss_of(model, images, labels) -> float:
    with torch.inference_mode():
        return float(torch.nn.functional.cross_entropy(model(images), labels))


def attacked_loss(model, data: TrainingData, levels: float) -> tuple[float, float]:
    images = torch.from_numpy(PREPROCESS.normalize(data.tuning))
    labels = torch.from_numpy(data.tuning_targets)
    changed = harden(model, images, labels, PREPROCESS, Hardening(eps_levels=levels, n_steps=8, share_frac=1.0), seed=0)
    assert float((changed - images).abs().max()) <= levels / PREPROCESS.std + 1e-6
    assert float(changed.min()) >= -127 / 128 - 1e-6
    assert float(changed.max()) <= 1 + 1e-6
    return loss_of(model, images, labels), loss_of(model, changed, labels)


def test_it_hurts_an_ordinary_network_more_than_a_hardened_one(data: TrainingData) -> None:
    ordinary = fitted(data, 14, None)
    hardened = fitted(data, 14, Hardening(eps_levels=8))
    clean, attacked = attacked_loss(ordinary, data, 8)
    assert attacked > clean + 0.3
    clean_hard, attacked_hard = attacked_loss(hardened, data, 8)
    assert attacked_hard < attacked
    assert attacked_hard - clean_hard < attacked - clean


def test_only_a_share_is_changed_and_no_state_is_touched(data: TrainingData) -> None:
    model = build(ARCHITECTURE, seed=0).train()
    images = torch.from_numpy(PREPROCESS.normalize(data.tuning[:10]))
    labels = torch.from_numpy(data.tuning_targets[:10])
    before, dice = weights_digest(model), torch.get_rng_state()
    changed = harden(model, images, labels, PREPROCESS, Hardening(eps_levels=4, share_frac=0.3), seed=5)
    assert model.training
    assert weights_digest(model) == before
    assert torch.equal(torch.get_rng_state(), dice)
    assert [bool((a != b).any()) for a, b in zip(changed, images, strict=True)] == [True] * 3 + [False] * 7
    again = harden(model, images, labels, PREPROCESS, Hardening(eps_levels=4, share_frac=0.3), seed=5)
    assert torch.equal(changed, again)
    assert all(p.grad is None for p in model.parameters())


def test_the_same_seed_gives_the_same_hardened_weights(data: TrainingData) -> None:
    digests = {weights_digest(fitted(data, 1, Hardening(eps_levels=4, n_steps=1))) for _ in range(2)}
    assert len(digests) == 1
    assert digests != {weights_digest(fitted(data, 1, None))}


@pytest.mark.parametrize(
    "wrong", [{"eps_levels": 0}, {"eps_levels": 4, "n_steps": 0}, {"eps_levels": 4, "share_frac": 0}]
)
def test_nonsense_is_refused(wrong: dict, refuses) -> None:
    with refuses(InputError):
        Hardening(**wrong)
