"""Shared weights: a part computes what it should, learns with the others, and its score says something."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="supernets need the workshop extra")

from bedside.base.errors import RecipeError
from bedside.base.task import TensorSpec
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.targets import labels_of
from bedside.train.architecture import Architecture, build
from bedside.train.elastic_space import ElasticSpace
from bedside.train.fitting import TrainingData, logits_of
from bedside.train.plan import TrainPlan
from bedside.train.shared_weights import SharedPlan, extracted, fit_shared, shared_weights
from bedside.verify.metrics import auroc

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=16, width_px=16)
SPACE = ElasticSpace(
    kinds=("inverted", "residual"), expansions=(2, 4), depths=(1, 2), widths=((8, 16), (16, 24)),
    attentions=("none", "se"), exit_points=(1,),
)  # fmt: skip
PLAN = TrainPlan(n_epochs=1, n_views=2)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    split = split_by_patient(load_cohort("phantom:ultrasound", n="300", size_px="16"), seed=0)
    preprocess = Preprocess(n_channels=1, height_px=16, width_px=16)
    return TrainingData(
        development=stack_images(split.development, preprocess),
        development_targets=labels_of(split.development),
        tuning=stack_images(split.tuning, preprocess),
        tuning_targets=labels_of(split.tuning),
        preprocess=preprocess,
    )


def architecture(genome) -> Architecture:
    return Architecture(family=genome.family, width=1.0, spec=SPEC, n_classes=2)


def score(model, data: TrainingData) -> float:
    outputs = logits_of(model, data.tuning, data.preprocess)
    return auroc(data.tuning_targets == 1, outputs[:, 1] - outputs[:, 0])


def test_a_part_has_the_first_channels_and_the_middle_of_the_kernel(data: TrainingData) -> None:
    held = shared_weights(SPACE, SPEC, 2, seed=0)
    small = extracted(held, architecture(SPACE.smallest()), data)
    state = small.state_dict()
    kind = SPACE.smallest().kinds[0]
    whole = held[f"{kind}:stages.0.0.spread.0.weight"]
    assert whole.shape[-1] == 5
    part = state["stages.0.0.spread.0.weight"]
    assert part.shape[-1] == 3
    assert torch.equal(part, whole[: len(part), :, 1:4, 1:4])


def test_every_network_of_the_space_can_be_cut_out(data: TrainingData) -> None:
    held, rng = shared_weights(SPACE, SPEC, 2, seed=0), np.random.default_rng(0)
    for genome in [SPACE.largest(), SPACE.smallest(), *(SPACE.sample(rng) for _ in range(8))]:
        model = extracted(held, architecture(genome), data)
        assert {k: v.shape for k, v in model.state_dict().items()} == {
            k: v.shape for k, v in build(architecture(genome), seed=1).state_dict().items()
        }
        assert np.isfinite(logits_of(model, data.tuning[:4], data.preprocess)).all()


def test_parts_learn_together(data: TrainingData) -> None:
    held = shared_weights(SPACE, SPEC, 2, seed=0)
    rng = np.random.default_rng(1)
    genomes = [SPACE.largest(), *(SPACE.sample(rng) for _ in range(4))]
    before = np.mean([score(extracted(held, architecture(g), data), data) for g in genomes])
    losses: list[float] = []
    fit_shared(
        held, SPACE, {16: data}, SharedPlan(n_images=64 * 120), PLAN, on_step=lambda s, n, loss: losses.append(loss)
    )
    after = [score(extracted(held, architecture(g), data), data) for g in genomes]
    assert len(losses) == 120
    assert np.mean(losses[-20:]) < np.mean(losses[:20])
    assert np.mean(after) > max(0.65, before + 0.1)


def test_the_same_seed_gives_the_same_weights(data: TrainingData) -> None:
    runs = [
        fit_shared(shared_weights(SPACE, SPEC, 2, seed=0), SPACE, {16: data}, SharedPlan(n_images=256), PLAN)
        for _ in range(2)
    ]
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_what_writes_halves_is_refused(refuses) -> None:
    with refuses(RecipeError, "ghost"):
        shared_weights(ElasticSpace(kinds=("inverted", "ghost")), SPEC, 2, seed=0)
