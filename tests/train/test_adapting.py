"""Statistics of another site: measured on its images, and a shift of contrast is undone by them."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="adapting needs the workshop extra")

from bedside.base.errors import CohortError, InputError
from bedside.base.task import TensorSpec
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.targets import labels_of
from bedside.train.adapting import adapt_statistics
from bedside.train.architecture import Architecture, build
from bedside.train.checkpoint import weights_digest
from bedside.train.fitting import TrainingData, fit, logits_of
from bedside.train.plan import TrainPlan
from bedside.verify.metrics import auroc

pytestmark = pytest.mark.workshop

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


@pytest.fixture(scope="module")
def network(data: TrainingData) -> torch.nn.Module:
    spec = TensorSpec(n_channels=1, height_px=16, width_px=16)
    fresh = build(Architecture(family="residual", width=0.25, spec=spec, n_classes=2), seed=0)
    plan = TrainPlan(n_epochs=15, learning_rate=3e-3, n_views=4)
    return fit(fresh, plan, data, monitor=lambda labels, logits: area(labels, logits))[0]


def area(labels: np.ndarray, logits: np.ndarray) -> float:
    return auroc(labels == 1, logits[:, 1] - logits[:, 0])


def faded(images: np.ndarray) -> np.ndarray:
    """The same images from a scanner of a third of the contrast and more haze."""
    return (images * 0.3 + 150).astype(np.uint8)


def test_a_lost_contrast_is_found_again(network: torch.nn.Module, data: TrainingData) -> None:
    elsewhere = faded(data.tuning)
    before = weights_digest(network)
    adapted = adapt_statistics(network, faded(data.development), PREPROCESS)
    at_home, shifted, mended = (
        area(data.tuning_targets, logits_of(model, images, PREPROCESS))
        for model, images in ((network, data.tuning), (network, elsewhere), (adapted, elsewhere))
    )
    assert at_home - shifted > 0.05
    assert mended > shifted + (at_home - shifted) / 2
    assert weights_digest(network) == before


def test_the_first_statistics_are_those_of_the_images(network: torch.nn.Module, data: TrainingData) -> None:
    images = data.development[:128]
    adapted = adapt_statistics(network, images, PREPROCESS, batch_size=128)
    convolution, norm = adapted[0][0], adapted[0][1]
    with torch.no_grad():
        seen = convolution(torch.from_numpy(PREPROCESS.normalize(images)))
    torch.testing.assert_close(norm.running_mean, seen.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, seen.var((0, 2, 3)), rtol=1e-4, atol=1e-5)
    half = adapt_statistics(network, images, PREPROCESS, batch_size=128, keep_frac=0.5)
    torch.testing.assert_close(half[0][1].running_mean, (norm.running_mean + network[0][1].running_mean) / 2)


def test_what_cannot_be_adapted_is_refused(network: torch.nn.Module, data: TrainingData) -> None:
    with pytest.raises(CohortError, match="15 images"):
        adapt_statistics(network, data.development[:15], PREPROCESS)
    with pytest.raises(InputError, match=r"share of 1"):
        adapt_statistics(network, data.development, PREPROCESS, keep_frac=1)
    bare = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 2))
    with pytest.raises(InputError, match="no batch norm"):
        adapt_statistics(bare, data.development, replace(PREPROCESS))
