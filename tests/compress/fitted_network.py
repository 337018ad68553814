"""A small cohort in memory, and a network that was fitted on it; made once for all tests of compression."""

from dataclasses import dataclass

import numpy as np
import torch

from bedside.base.task import TensorSpec
from bedside.compress.recipe import Recipe, Workbench
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.targets import labels_of
from bedside.train.architecture import Architecture, build
from bedside.train.fitting import TrainingData, fit, teach
from bedside.train.plan import TrainPlan
from bedside.verify.metrics import auroc

SPEC = TensorSpec(n_channels=1, height_px=16, width_px=16)


def monitor(labels: np.ndarray, logits: np.ndarray) -> float:
    return auroc(labels == 1, logits[:, 1] - logits[:, 0])


@dataclass(frozen=True)
class Fitted:
    """A dense network with what its pruning needs."""

    model: "torch.nn.Module"
    recipe: Recipe
    bench: Workbench

    @property
    def data(self) -> TrainingData:
        return self.bench.data


def make_fitted() -> Fitted:
    """Fit a small residual network on a phantom of 16 px."""
    split = split_by_patient(load_cohort("phantom:ultrasound", n="300", size_px="16"), seed=0)
    preprocess = Preprocess(n_channels=1, height_px=16, width_px=16)
    data = TrainingData(
        development=stack_images(split.development, preprocess),
        development_targets=labels_of(split.development),
        tuning=stack_images(split.tuning, preprocess),
        tuning_targets=labels_of(split.tuning),
        preprocess=preprocess,
    )
    architecture = Architecture(family="residual", width=0.75, spec=SPEC, n_classes=2)
    plan = TrainPlan(n_epochs=15, n_views=2, learning_rate=3e-3)
    model, _ = fit(build(architecture, seed=0), plan, data, monitor=monitor)
    bench = Workbench(data=data, monitor=monitor, teacher_logits=teach(model, plan, data))
    return Fitted(model, Recipe(architecture=architecture, plan=plan, steps=("prune",)), bench)
