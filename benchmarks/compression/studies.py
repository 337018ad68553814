"""The data sets of the compression tables, as arrays, and the dense network of each."""

import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.task import Task
from bedside.data.audit import audit_cohort, usable
from bedside.data.augment import Augment
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.targets import labels_of
from bedside.data.units import units_of
from bedside.verify.metrics import softmax
from bedside.verify.noninferiority import auroc_of

CELLS = Path(__file__).parents[1] / ".cells" / "compression"
DENSE_IMAGES = 30_000
"""Augmented images that every dense fit sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A data set at one input size; files are looked for in ``$BEDSIDE_DATA``."""

    source: str
    image_px: int
    family: str = "residual"
    classes: str = ""


STUDIES = {
    "pneumonia28": Study(source="medmnist:pneumoniamnist", image_px=28),
    "breast28": Study(source="medmnist:breastmnist", image_px=28),
    "nodule50": Study(source="npz:ct_nodule_luna16_patches/luna16_patches_50.npz", image_px=50, classes="none,nodule"),
    "nodule32": Study(source="npz:ct_nodule_luna16_patches/luna16_patches_50.npz", image_px=32, classes="none,nodule"),
    "busi64": Study(source="folder:us_breast_busi", image_px=64),
    "braintumor64": Study(source="folder:mri_braintumor4", image_px=64),
    "ham64": Study(source="folder:derm_ham10000", image_px=64),
    "body64": Study(source="npz:medical_mnist6_64/medical_mnist6_64.npz", image_px=64),
    "kermany64": Study(source="folder:cxr_pneumonia_kermany", image_px=64),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The parts as arrays; the test is read here once for the whole table, and nothing is chosen by it."""

    task: Task
    data: Any
    observed: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    test_units: tuple[str, ...]
    may_flip: bool

    @property
    def told(self) -> str:
        """The task as text, for a cell."""
        return json.dumps([self.task.classes, self.task.positive])


def task_told(text: str) -> Task:
    """The task that a cell was made for."""
    classes, positive = json.loads(text)
    return Task(classes=tuple(classes), positive=positive)


def gathered(name: str) -> Material:
    """Load a study's cohort without its leaks."""
    from bedside.train.fitting import TrainingData

    study = STUDIES[name]
    source, colon, rest = study.source.partition(":")
    folder = "" if source == "medmnist" else f"{os.environ.get('BEDSIDE_DATA', '../shared/data')}/"
    cohort = load_cohort(f"{source}{colon}{folder}{rest}", **({"classes": study.classes} if study.classes else {}))
    cohort = usable(cohort, audit_cohort(cohort, policy="drop")[1])
    split = split_by_patient(cohort, seed=0)
    n_channels = 3 if cohort.cases[0].image().ndim == 3 else 1
    preprocess = Preprocess(n_channels=n_channels, height_px=study.image_px, width_px=study.image_px)
    test = split.test.open(reason="the compression tables; every cell is scored, none is chosen by it")
    return Material(
        task=cohort.task,
        data=TrainingData(
            development=stack_images(split.development, preprocess),
            development_targets=labels_of(split.development),
            tuning=stack_images(split.tuning, preprocess),
            tuning_targets=labels_of(split.tuning),
            preprocess=preprocess,
        ),
        observed=preprocess.normalize(stack_images(split.observation, preprocess)),
        test=stack_images(test, preprocess),
        test_labels=labels_of(test),
        test_units=tuple(units_of(test)),
        may_flip=cohort.may_flip,
    )


def monitor_of(task: Task) -> Any:
    """AUROC of logits, higher is better."""
    return lambda labels, logits: auroc_of(task, labels, softmax(logits))


def dense_plan(material: Material, seed: int) -> Any:
    """The plan that every dense network of a study is fitted by."""
    from bedside.train.plan import TrainPlan

    n_epochs = math.ceil(DENSE_IMAGES / len(material.data.development))
    return TrainPlan(
        n_epochs=n_epochs, learning_rate=3e-3, patience=n_epochs, n_views=10_000, seed=seed,
        augment=Augment(flip_prob=0.5 if material.may_flip else 0.0),
    )  # fmt: skip


def dense_of(name: str, seed: int, material: Material, recovery_images: int) -> tuple[Any, Any]:
    """Return the dense network of a study and seed, fitted once, and the recipe of its recovery."""
    from bedside.compress.recipe import Recipe
    from bedside.train.architecture import Architecture, build
    from bedside.train.checkpoint import load_weights, save_weights
    from bedside.train.fitting import fit

    data, plan = material.data, dense_plan(material, seed)
    architecture = Architecture(
        family=STUDIES[name].family, width=1.0, spec=data.preprocess.spec, n_classes=material.task.n_classes
    )
    path = CELLS / f"dense-{name}-{seed}.safetensors"
    if path.is_file():
        model = load_weights(build(architecture, seed=seed), path)
    else:
        model, _ = fit(build(architecture, seed=seed), plan, data, monitor=monitor_of(material.task))
        save_weights(model, path)
    recovery = replace(plan, n_epochs=max(1, math.ceil(recovery_images / len(data.development))), n_views=4)
    return model, Recipe(architecture=architecture, plan=recovery)
