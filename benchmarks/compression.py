"""Pruning criteria side by side at one recovery budget: ``python -m benchmarks.compression`` (resumes cell by cell).

A cell is one data set, criterion, factor and seed: the dense network of that data set and seed is pruned, recovers on
the same number of images, distilled by the dense one, and is scored once on the test part. Each cell is a file, written
when it ends; two processes may share the work (``--share 0/2`` and ``--share 1/2``).
"""

import argparse
import io
import json
import math
import os
import time
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.files import write_atomic
from bedside.base.task import Task
from bedside.data.audit import audit_cohort, usable
from bedside.data.augment import Augment
from bedside.data.case import labels_of, units_of
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images
from bedside.verify.intervals import bootstrap, resamples
from bedside.verify.metrics import softmax
from bedside.verify.noninferiority import auroc_of, compare_aurocs
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells" / "compression"
CRITERIA = ("random", "l1", "taylor", "fpgm", "diagnostic")
OURS = "diagnostic"
DENSE_IMAGES, RECOVERY_IMAGES = 24_000, 10_000
"""Images seen by the dense fit and by every recovery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A data set at one input size; folders are looked for in ``$BEDSIDE_DATA``."""

    source: str
    image_px: int
    family: str = "residual"
    classes: str = ""


STUDIES = {
    "pneumonia28": Study(source="medmnist:pneumoniamnist", image_px=28),
    "breast28": Study(source="medmnist:breastmnist", image_px=28),
    "kermany64": Study(source="folder:cxr_pneumonia_kermany", image_px=64),
    "busi64": Study(source="folder:us_breast_busi", image_px=64),
    "braintumor64": Study(source="folder:mri_braintumor4", image_px=64),
    "nodule50": Study(source="npz:ct_nodule_luna16_patches/luna16_patches_50.npz", image_px=50, classes="none,nodule"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement."""

    study: str
    criterion: str
    factor: int
    seed: int
    allocation: str = "global"
    rounds: int = 2

    @property
    def path(self) -> Path:
        """Its file."""
        how = f"{self.criterion}-{self.allocation}-r{self.rounds}"
        return CELLS / f"{self.study}-{how}-{self.factor}x-{self.seed}.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The parts as arrays; the test is read here once for the whole table, and nothing is chosen by it."""

    task: Task
    data: Any
    test: np.ndarray
    test_labels: np.ndarray
    test_units: tuple[str, ...]
    may_flip: bool


def gathered(name: str) -> Material:
    """Load a study's cohort without its leaks."""
    from bedside.train.fitting import TrainingData

    study = STUDIES[name]
    name, colon, rest = study.source.partition(":")
    folder = "" if name == "medmnist" else f"{os.environ.get('BEDSIDE_DATA', '../shared/data')}/"
    cohort = load_cohort(f"{name}{colon}{folder}{rest}", **({"classes": study.classes} if study.classes else {}))
    cohort = usable(cohort, audit_cohort(cohort, policy="drop")[1])
    split = split_by_patient(cohort, seed=0)
    n_channels = 3 if cohort.cases[0].image().ndim == 3 else 1
    preprocess = Preprocess(n_channels=n_channels, height_px=study.image_px, width_px=study.image_px)
    test = split.test.open(reason="the table of pruning criteria; every cell is scored, none is chosen by it")
    return Material(
        task=cohort.task,
        data=TrainingData(
            development=stack_images(split.development, preprocess),
            development_targets=labels_of(split.development),
            tuning=stack_images(split.tuning, preprocess),
            tuning_targets=labels_of(split.tuning),
            preprocess=preprocess,
        ),
        test=stack_images(test, preprocess),
        test_labels=labels_of(test),
        test_units=tuple(units_of(test)),
        may_flip=cohort.may_flip,
    )


def dense_of(name: str, seed: int, material: Material) -> tuple[Any, Any, Any]:
    """Return the dense network of a study and seed (fitted once), its recipe, and its answers to the shared views."""
    from bedside.compress.recipe import Recipe
    from bedside.train.architecture import Architecture, build
    from bedside.train.checkpoint import load_weights, save_weights
    from bedside.train.fitting import fit, teach
    from bedside.train.plan import TrainPlan

    n, data = len(material.data.development), material.data
    architecture = Architecture(
        family=STUDIES[name].family, width=1.0, spec=data.preprocess.spec, n_classes=material.task.n_classes
    )
    n_epochs = math.ceil(DENSE_IMAGES / n)
    plan = TrainPlan(
        n_epochs=n_epochs, learning_rate=3e-3, patience=n_epochs, n_views=2, seed=seed,
        augment=Augment(flip_prob=0.5 if material.may_flip else 0.0),
    )  # fmt: skip
    path = CELLS / f"dense-{name}-{seed}.safetensors"
    if path.is_file():
        model = load_weights(build(architecture, seed=seed), path)
    else:
        model, _ = fit(build(architecture, seed=seed), plan, data, monitor=_monitor(material.task))
        save_weights(model, path)
    recovery = replace(plan, n_epochs=math.ceil(RECOVERY_IMAGES / n))
    return model, Recipe(architecture=architecture, plan=recovery), teach(model, recovery, data)


def _monitor(task: Task) -> Any:
    return lambda labels, logits: auroc_of(task, labels, softmax(logits))


def run_cell(cell: Cell, material: Material, dense: tuple[Any, Any, Any]) -> None:
    """Prune, recover, score, and write the cell."""
    from bedside.compress.cost import count_model
    from bedside.compress.prune import Prune
    from bedside.compress.recipe import Workbench
    from bedside.runtime.devices import device_named
    from bedside.train.fitting import logits_of

    model, recipe, answers = dense
    bench = Workbench(data=material.data, monitor=_monitor(material.task), teacher_logits=answers)
    begun = time.process_time()
    pruned = model
    if cell.factor > 1:
        settings = Prune(
            criterion=cell.criterion, macs_frac=1 / cell.factor, allocation=cell.allocation,  # type: ignore[arg-type]
            rounds=cell.rounds, recovery_frac=1.0,
        )  # fmt: skip
        pruned = settings(model, recipe, bench)
    cost = count_model(pruned, recipe.architecture.spec, device_named("host"))
    buffer = io.BytesIO()
    outputs = softmax(logits_of(pruned, material.test, material.data.preprocess))
    tuning = softmax(logits_of(pruned, material.data.tuning, material.data.preprocess))
    np.savez(
        buffer, probabilities=outputs, labels=material.test_labels, units=np.array(material.test_units),
        tuning_score=auroc_of(material.task, material.data.tuning_targets, tuning),
        auroc=auroc_of(material.task, material.test_labels, outputs), mmacs=cost.mmacs, int8_kib=cost.int8_kib,
        cpu_s=time.process_time() - begun, task=json.dumps([material.task.classes, material.task.positive]),
    )  # fmt: skip
    write_atomic(cell.path, buffer.getvalue())


def read_cell(cell: Cell) -> dict[str, Any] | None:
    """Read a finished cell."""
    if not cell.path.is_file():
        return None
    with np.load(cell.path, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}


def summarize(asked: list[Cell]) -> None:
    """Write one row for each data set, factor and criterion over the seeds that are finished."""
    for study, factor, criterion in sorted({(c.study, c.factor, c.criterion) for c in asked}):
        mine = [c for c in asked if (c.study, c.factor, c.criterion) == (study, factor, criterion)]
        done = {c.seed: found for c in mine if (found := read_cell(c)) is not None}
        if done:
            _row(mine[0], done)


def _row(cell: Cell, done: dict[int, dict[str, Any]]) -> None:
    aurocs = [float(found["auroc"]) for found in done.values()]
    intervals = [_interval(found, seed) for seed, found in done.items()]
    band = (float(np.mean([i.low for i in intervals])), float(np.mean([i.high for i in intervals])))
    first = next(iter(done.values()))
    title = "dense" if cell.factor == 1 else f"{cell.factor}x fewer MACs, {cell.criterion}"
    what = f"{cell.allocation}, {cell.rounds} rounds, {RECOVERY_IMAGES} recovery images, {first['mmacs']:.2f} MMACs"
    note, met = "none, for comparison", True
    if cell.criterion == OURS and cell.factor > 1:
        note, met = _against_best(cell, done)
    record("compression", Figure(
        figure=f"{cell.study}: {title} ({what}): test AUROC, mean of seeds, mean 95 % interval",
        value=float(np.mean(aurocs)), low=band[0], high=band[1], target=note, met=met,
        command=f"python -m benchmarks.compression --studies {cell.study} --factors {cell.factor}",
        seeds=tuple(done),
    ))  # fmt: skip


def _interval(found: dict[str, Any], seed: int) -> Any:
    classes, positive = json.loads(str(found["task"]))
    task, labels, probabilities = (
        Task(classes=tuple(classes), positive=positive),
        found["labels"],
        found["probabilities"],
    )
    draws = resamples([str(unit) for unit in found["units"]], n_resamples=500, seed=seed)
    return bootstrap(
        lambda rows: auroc_of(task, labels[rows], probabilities[rows]), draws, n_rows=len(labels),
        n_patients=len(set(found["units"].tolist())),
    )  # fmt: skip


def _against_best(cell: Cell, done: dict[int, dict[str, Any]]) -> tuple[str, bool]:
    """Compare with the best rival of the same cell on the seeds that both have; paired by patient."""
    means = {}
    for rival in ("random", "l1", "taylor", "fpgm"):
        found = {seed: read_cell(replace(cell, criterion=rival, seed=seed)) for seed in done}
        if all(value is not None for value in found.values()):
            means[rival] = found
    if not means:
        return "no rival finished", False
    best = max(means, key=lambda rival: np.mean([float(f["auroc"]) for f in means[rival].values()]))  # type: ignore[index]
    gaps = [_paired(done[seed], means[best][seed], seed) for seed in done]  # type: ignore[arg-type]
    gap = float(np.mean([g.value for g in gaps]))
    band = f"{np.mean([g.low for g in gaps]):+.4f} to {np.mean([g.high for g in gaps]):+.4f}"
    return f">= best rival {best}; paired difference {gap:+.4f}, mean 95 % interval {band}", gap >= 0


def _paired(ours: dict[str, Any], rival: dict[str, Any], seed: int) -> Any:
    classes, positive = json.loads(str(ours["task"]))
    units = [str(unit) for unit in ours["units"]]
    return compare_aurocs(
        Task(classes=tuple(classes), positive=positive), ours["labels"], ours["probabilities"], rival["probabilities"],
        margin=0.02, draws=resamples(units, n_resamples=500, seed=seed), n_patients=len(set(units)),
    ).difference  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", default="pneumonia28,breast28", help=f"of {', '.join(STUDIES)}")
    parser.add_argument("--criteria", default=",".join(CRITERIA))
    parser.add_argument("--factors", default="2,4,8")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--allocation", default="global")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--share", default="0/1", help="I/N: every Nth study and seed, from the Ith on")
    asked = parser.parse_args()
    CELLS.mkdir(parents=True, exist_ok=True)
    mine, n_shares = (int(part) for part in asked.share.split("/"))
    pairs = list(product(asked.studies.split(","), map(int, asked.seeds.split(","))))
    everything: list[Cell] = []
    for number, (study, seed) in enumerate(pairs):
        grid = [(OURS, 1)] + [(c, int(f)) for c, f in product(asked.criteria.split(","), asked.factors.split(","))]
        cells = [
            Cell(study=study, criterion=c, factor=f, seed=seed, allocation=asked.allocation, rounds=asked.rounds)
            for c, f in grid
        ]
        everything += cells
        if number % n_shares == mine and (todo := [cell for cell in cells if not cell.path.is_file()]):
            material = gathered(study)
            dense = dense_of(study, seed, material)
            for cell in todo:
                run_cell(cell, material, dense)
                found = read_cell(cell) or {}
                print(f"{cell.path.stem}: {float(found['auroc']):.4f}, {float(found['cpu_s']):.0f} s", flush=True)
    summarize(everything)


if __name__ == "__main__":
    main()
