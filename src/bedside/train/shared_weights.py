"""A supernet: one set of weights of which every elastic network of a space is a part.

A network takes the first channels of each layer (of each half, where two stand side by side: `bedside.train.halves`),
the middle of each kernel, the first branches of each rep block and the first blocks of each stage. Each step draws one
network and teaches its part (single-path sampling: Guo et al., ECCV 2020). Normalization statistics belong to a
network, not to the weights: they are taken anew from development images when one is cut out (Yu & Huang, ICCV 2019).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, cos, pi
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from bedside.base.errors import RecipeError
from bedside.base.task import TensorSpec
from bedside.train.architecture import Architecture, build
from bedside.train.elastic_space import ElasticSpace
from bedside.train.genome import Genome
from bedside.train.halves import parts_of

if TYPE_CHECKING:
    from bedside.train.fitting import TrainingData
    from bedside.train.plan import TrainPlan

N_REFRESHED = 256
"""Development images that set the statistics of a network that is cut out."""

_WARM_FRAC = 0.05
_FRESH = {"running_var": 1.0}

Shared = dict[str, torch.Tensor]
"""Weights by name, with the kind of the stage and the attention where the name depends on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPlan:
    """How shared weights are fitted: images seen, batch, highest rate (cosine, warmed up), seed."""

    n_images: int
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    seed: int = 0

    @property
    def n_steps(self) -> int:
        """Batches."""
        return ceil(self.n_images / self.batch_size)

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        done = step / self.n_steps
        if done < _WARM_FRAC:
            return self.learning_rate * (done + 1 / self.n_steps) / _WARM_FRAC
        return self.learning_rate * 0.5 * (1 + cos(pi * (done - _WARM_FRAC) / (1 - _WARM_FRAC)))


def shared_weights(space: ElasticSpace, spec: TensorSpec, n_classes: int, *, seed: int) -> Shared:
    """Draw weights that are as large as the largest network of each kind and attention.

    Raises
    ------
    RecipeError
        If the networks of the space learn with exits: a step teaches one head.
    """
    if space.supervises:
        raise RecipeError(
            "networks that learn with exits cannot share weights", expected="a space that does not supervise exits",
            hint="search them by short fits",
        )  # fmt: skip
    held: Shared = {}
    for kind in space.kinds:
        for attention in space.attentions:
            for n_stages in space.choices["n_stages"]:
                largest = space.largest()
                genes = {name: v for name, v in space.genes_of(largest).items() if not name.startswith(("kind", "att"))}
                genes |= {f"kind{i}": kind for i in range(1, largest.n_stages + 1)}
                genes |= {f"attention{i}": attention for i in range(1, largest.n_stages + 1)}
                genome = space.genome_of(genes | {"n_stages": n_stages})
                model = build(_architecture(genome, spec, n_classes), seed=seed)
                for name, value in model.named_parameters():
                    held.setdefault(_key(name, genome), value.detach().clone().requires_grad_(True))
    return held


def fit_shared(
    held: Shared, space: ElasticSpace, data: "Mapping[int, TrainingData]", plan: SharedPlan, train_plan: "TrainPlan",
    *, on_step: Callable[[int, int, float], None] = lambda step, n_steps, loss: None,
) -> Shared:  # fmt: skip
    """Fit shared weights in place and return them; each step is one network at one of the input sizes of `data`."""
    from bedside.train.fitting import view_of

    torch.set_num_threads(train_plan.threads)
    optimizer = torch.optim.AdamW(list(held.values()), weight_decay=plan.weight_decay)
    sides, n = sorted(data), len(next(iter(data.values())).development)
    for step in range(plan.n_steps):
        rng = np.random.default_rng((plan.seed, step))
        part = data[sides[int(rng.integers(len(sides)))]]
        rows = rng.choice(n, size=min(plan.batch_size, n), replace=False)
        # The ends of the space are visited more often than chance would: what lies between leans on them.
        genome = space.largest(rng) if step % 8 == 0 else space.smallest(rng) if step % 8 == 4 else space.sample(rng)
        targets = part.development_targets[rows]
        images = view_of(part, train_plan, step % train_plan.n_views, rows)
        model = _blank(genome, part.preprocess.spec, _n_classes(held))
        outputs = torch.func.functional_call(model.train(), _cut_out(held, model, genome), (images,))
        loss = part.objective.loss(outputs, torch.from_numpy(np.asarray(targets)), None, train_plan)
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(list(held.values()), 2.0)
        optimizer.step()
        on_step(step + 1, plan.n_steps, float(loss.detach()))
    return held


def extracted(held: Shared, architecture: Architecture, data: "TrainingData", *, seed: int = 0) -> nn.Module:
    """Cut a network out of shared weights, with statistics of its own; in evaluation mode."""
    from bedside.train.fitting import as_batch

    genome = Genome.parse(architecture.family)
    model = build(architecture, seed=seed)
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in norms]
    with torch.no_grad():
        for name, value in _parts(held, model, genome).items():
            model.get_parameter(name).copy_(value)
        for layer in norms:
            layer.reset_running_stats()
            layer.momentum = None  # the mean over all batches
        model.train()
        rows = np.random.default_rng(seed).permutation(len(data.development))[:N_REFRESHED]
        for start in range(0, len(rows), 64):
            if len(block := rows[start : start + 64]) > 1:
                model(as_batch(data.preprocess.normalize(data.development[block])))
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
    return model.eval()


def _architecture(genome: Genome, spec: TensorSpec, n_classes: int) -> Architecture:
    return Architecture(family=genome.family, width=1.0, spec=spec, n_classes=n_classes)


def _blank(genome: Genome, spec: TensorSpec, n_classes: int) -> nn.Module:
    """Return the network without weights."""
    with torch.device("meta"):
        return build(_architecture(replace(genome, exits=()), spec, n_classes), seed=0)


def _cut_out(held: Shared, model: nn.Module, genome: Genome) -> dict[str, torch.Tensor]:
    """Parts of the shared weights that gradients flow through, and statistics that are thrown away."""
    parts = _parts(held, model, genome)
    for name, value in model.named_buffers():
        parts[name] = torch.full(value.shape, _FRESH.get(name.rpartition(".")[2], 0), dtype=value.dtype)
    return parts


def _parts(held: Shared, model: nn.Module, genome: Genome) -> dict[str, torch.Tensor]:
    """The part of the shared weights that each weight of a network is, by its name in the network."""
    found: dict[str, torch.Tensor] = {}
    for place, layer in model.named_modules():
        for own, value in layer.named_parameters(recurse=False):
            name = f"{place}.{own}"
            found[name] = _cut(held[_key(name, genome)], tuple(value.shape), parts_of(layer))
    return found


def _cut(whole: torch.Tensor, shape: tuple[int, ...], n_parts: tuple[int, int]) -> torch.Tensor:
    """The first channels of each part of a weight's outputs and inputs, and the middle of its kernel."""
    cut = whole
    for axis, (n, parts) in enumerate(zip(shape[:2], n_parts, strict=False)):
        if n < (n_held := whole.shape[axis]):
            cut = cut.unflatten(axis, (parts, n_held // parts)).narrow(axis + 1, 0, n // parts).flatten(axis, axis + 1)
    for axis, (m, n) in enumerate(zip(whole.shape[2:], shape[2:], strict=True), 2):
        cut = cut.narrow(axis, (m - n) // 2, n)
    return cut


def _key(name: str, genome: Genome) -> str:
    """Name of a weight in the shared set: stages of other kinds, and other attentions, have weights of their own."""
    place = name.split(".")
    if place[0] != "stages":
        return name
    stage = int(place[1])
    attention = f"{genome.attentions[stage]}:" if "attention" in place else ""
    return f"{genome.kinds[stage]}:{attention}{name}"


def _n_classes(held: Shared) -> int:
    return next(len(value) for name, value in held.items() if name.endswith("linear.bias"))
