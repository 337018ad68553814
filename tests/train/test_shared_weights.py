"""Shared weights: a part computes what it should, learns with the others, and its score says something."""

from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

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
from bedside.train.genome import ATTENTIONS, KINDS
from bedside.train.plan import TrainPlan
from bedside.train.shared_weights import SharedPlan, extracted, fit_shared, shared_weights
from bedside.verify.metrics import auroc

if TYPE_CHECKING:
    from torch import Tensor

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=16, width_px=16)
SPACE = ElasticSpace(
    kinds=KINDS, expansions=(2, 4), depths=(1, 2), widths=((8, 16), (16, 24)), attentions=ATTENTIONS,
    exit_points=(1,),
)  # fmt: skip
LEARNED = replace(SPACE, kinds=("ghost", "residual"), attentions=("none", "se"))
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
    held = shared_weights(LEARNED, SPEC, 2, seed=0)
    rng = np.random.default_rng(1)
    genomes = [LEARNED.largest(), *(LEARNED.sample(rng) for _ in range(4))]
    before = np.mean([score(extracted(held, architecture(g), data), data) for g in genomes])
    losses: list[float] = []
    fit_shared(
        held, LEARNED, {16: data}, SharedPlan(n_images=64 * 120), PLAN, on_step=lambda s, n, loss: losses.append(loss)
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


def supernet_set_to(held, genome, space: ElasticSpace):
    """The largest network of the genome's blocks, its other channels, branches and kernel borders put to nothing.

    Nothing here knows where channels lie that come in halves: a layer that makes channels makes nothing of the last
    ones, a depthwise layer passes on what is nothing, and what reads them reads nothing, wherever they lie.
    """
    part = build(architecture(genome), seed=0)
    widest = space.largest()
    n = genome.n_stages
    whole = build(
        architecture(replace(
            genome, widths=widest.widths[:n], expansions=widest.expansions[:n], kernels_px=widest.kernels_px[:n]
        )), seed=0,
    )  # fmt: skip
    shapes = {name: value.shape for name, value in part.named_parameters()}
    with torch.no_grad():
        for name, value in whole.named_parameters():
            value.copy_(held[key_of(name, genome)])
            if name not in shapes:
                value.zero_()
            elif value.ndim == 4:
                cut = (value.shape[-1] - shapes[name][-1]) // 2
                inside = torch.zeros_like(value)
                inside[..., cut : value.shape[-2] - cut, cut : value.shape[-1] - cut] = 1
                value.mul_(inside if value.shape[-1] > 1 else 1)
    for name, layer in whole.named_modules():
        makes = isinstance(layer, torch.nn.BatchNorm2d) and not follows_depthwise(whole, name)
        if (makes or name.endswith("attention.reduce")) and f"{name}.bias" in shapes:
            for own, value in layer.named_parameters():
                value.data[shapes[f"{name}.{own}"][0] :] = 0
    for name, is_live in probed(whole.eval()).items():
        whole.get_parameter(f"{name}.bias").data[~is_live] = 0
    return whole


def key_of(name: str, genome) -> str:
    place = name.split(".")
    if place[0] != "stages":
        return name
    kind, gate = genome.kinds[int(place[1])], genome.attentions[int(place[1])]
    return f"{kind}:{gate}:{name}" if "attention" in place else f"{kind}:{name}"


def follows_depthwise(model, name: str) -> bool:
    before = next(iter(model.get_submodule(name.rpartition(".")[0]).children()))
    return isinstance(before, torch.nn.Conv2d) and before.groups > 1


def probed(whole) -> "dict[str, Tensor]":
    """Channels that reach each norm after a depthwise layer; found with activations that never end a live one."""
    probe, found = deepcopy(whole), {}

    def passed_on(name: str, layer, inputs, output):
        found[name] = inputs[0].abs().amax((0, 2, 3)) > 0
        return output * found[name][None, :, None, None]

    for name, layer in list(probe.named_modules()):
        if isinstance(layer, torch.nn.ReLU6):
            probe.set_submodule(name, torch.nn.Identity())
        elif isinstance(layer, torch.nn.Hardsigmoid):
            probe.set_submodule(name, torch.nn.Sigmoid())
        elif isinstance(layer, torch.nn.BatchNorm2d) and follows_depthwise(probe, name):
            layer.register_forward_hook(partial(passed_on, name))
    with torch.no_grad():
        probe(torch.rand(2, 1, 16, 16))
    return found


def lively(held) -> None:
    """Weights as after training: norms scale and shift."""
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in held.values():
            if value.ndim == 1:
                value.copy_(0.5 + torch.rand(value.shape, generator=rng))


@pytest.mark.parametrize(("first", "second"), [*product(KINDS, KINDS)])
def test_a_part_answers_as_the_supernet_set_to_it(first: str, second: str, data: TrainingData) -> None:
    # Every pair of neighbours, and every gate once before and once behind every kind.
    gate = ATTENTIONS[(KINDS.index(first) + KINDS.index(second)) % len(ATTENTIONS)]
    space = ElasticSpace(
        kinds=tuple({first: 0, second: 0}), attentions=tuple({"none": 0, gate: 0}), expansions=(2, 4), depths=(2,),
        widths=((16, 32), (24, 48)),
    )  # fmt: skip
    held = shared_weights(space, SPEC, 2, seed=0)
    lively(held)
    # Neighbours of a channel (ECA) and the mean of all channels (CBAM) depend on how many there are: such a stage keeps
    # its channels, and the next one is cut.
    keeps = gate in ("eca", "cbam")
    genome = space.genome_of({
        "n_stages": 2, "kind1": first, "kind2": second, "kernel1": 3, "kernel2": 3, "depth1": 2, "depth2": 2,
        "attention1": gate, "attention2": "none" if keeps else gate, "width1": 32 if keeps else 16, "width2": 24,
        "expansion1": 4 if keeps else 2, "expansion2": 2,
    })  # fmt: skip
    few = replace(data, development=data.development[:8])
    part, whole = extracted(held, architecture(genome), few), supernet_set_to(held, genome, space)
    for layer in part.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.BatchNorm2d.reset_running_stats(layer)
    images = torch.rand(3, 1, 16, 16)
    with torch.no_grad():
        answers = part(images)
        torch.testing.assert_close(answers, whole(images), atol=1e-4, rtol=1e-4)
    assert float(answers.std()) > 0


def test_networks_that_learn_with_exits_are_refused(refuses) -> None:
    with refuses(RecipeError, "exits"):
        shared_weights(ElasticSpace(exit_points=(2,), supervises=True), SPEC, 2, seed=0)
