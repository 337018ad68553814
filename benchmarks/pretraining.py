"""What self-supervised pre-training gains where labels are few: ``python -m benchmarks.pretraining`` (resumes by cell).

A cell is one data set, share of labels and seed: the same network is fitted on the same labelled images by the same
plan, once from chance and once from weights that were pre-trained on all development images without their labels. Both
are scored once on the test part; the gain is paired. Tuning keeps all its labels, for both alike.
"""

import argparse
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import IntArray
from bedside.base.files import write_atomic
from bedside.base.task import Task
from bedside.data.audit import audit_cohort, usable
from bedside.data.augment import Augment
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images, suit_preprocess
from bedside.data.targets import labels_of
from bedside.verify.intervals import resamples
from bedside.verify.judge import judge_of
from bedside.verify.metrics import softmax
from bedside.verify.noninferiority import auroc_of, drawn_aurocs
from bedside.verify.resampling import percentile, weights_of
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells" / "pretraining"
COMMAND = "python -m benchmarks.pretraining"
SEEDS = (0, 1, 2)
WAYS = ("scratch", "pretrained")
WHY = "the gain of pre-training; nothing is chosen by it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A data set, its shares of labels, and the epochs of pre-training, set by the tuning score of seed 0."""

    source: str
    title: str
    image_px: int
    shares: tuple[float, ...]
    n_epochs: int


STUDIES = {
    "pneumonia": Study(
        source="medmnist:pneumoniamnist", title="PneumoniaMNIST 28 px", image_px=28, shares=(0.1, 0.02), n_epochs=12
    ),
    "braintumor": Study(
        source="folder:mri_braintumor4", title="brain tumour MR 32 px, leaking images dropped", image_px=32,
        shares=(0.1,), n_epochs=30,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Arrays by part, ``(n, C, H, W)`` uint8, and their labels."""

    task: Task
    preprocess: Preprocess
    images: dict[str, np.ndarray]
    labels: dict[str, IntArray]


def gathered(study: Study) -> Material:
    """Load a study; folders are looked for in ``$BEDSIDE_DATA``."""
    source = study.source.replace("folder:", f"folder:{os.environ.get('BEDSIDE_DATA', '../shared/data')}/")
    cohort = load_cohort(source)
    if study.source.startswith("folder:"):
        cohort = usable(cohort, audit_cohort(cohort, policy="drop")[1])
    split = split_by_patient(cohort, seed=0)
    parts = {"development": split.development, "tuning": split.tuning, "test": split.test.open(reason=WHY)}
    preprocess = suit_preprocess(cohort, image_px=study.image_px)
    return Material(
        task=cohort.task,
        preprocess=preprocess,
        images={name: stack_images(cases, preprocess) for name, cases in parts.items()},
        labels={name: labels_of(cases) for name, cases in parts.items()},
    )


def labelled_rows(labels: IntArray, share: float, seed: int) -> IntArray:
    """Draw the rows that keep their labels, the same share of each class."""
    rng = np.random.default_rng((seed, 7))
    each = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    kept = [rng.permutation(rows)[: max(4, round(share * len(rows)))] for rows in each]
    return np.sort(np.concatenate(kept))


def start_of(name: str, way: str, seed: int, material: Material) -> Any:
    """Build the network of a seed: fresh, or pre-trained (once a seed; then found)."""
    from bedside.train.architecture import Architecture, build
    from bedside.train.checkpoint import load_weights, save_weights
    from bedside.train.pretraining import PretrainPlan, pretrain

    fresh = build(
        Architecture(family="residual", width=0.5, spec=material.preprocess.spec, n_classes=material.task.n_classes),
        seed=seed,
    )
    if way == "scratch":
        return fresh
    path = CELLS / f"start-{name}-{seed}.safetensors"
    if not path.is_file():
        plan = PretrainPlan(n_epochs=STUDIES[name].n_epochs, seed=seed)
        made, marks = pretrain(fresh, plan, material.images["development"], material.preprocess)
        print(f"  pre-trained, loss {marks[0].loss:.3f} to {marks[-1].loss:.3f}", flush=True)
        save_weights(made, path)
        return made
    return load_weights(fresh, path)


def run_cell(name: str, share: float, seed: int, material: Material) -> None:
    """Fit both ways, score both, and write the cell."""
    from bedside.train.fitting import TrainingData, fit, logits_of
    from bedside.train.plan import TrainPlan

    rows = labelled_rows(material.labels["development"], share, seed)
    plan = TrainPlan(
        n_epochs=50, patience=50, learning_rate=3e-3, batch_size=32, n_views=10_000, augment=Augment(), seed=seed
    )
    data = TrainingData(
        development=material.images["development"][rows], development_targets=material.labels["development"][rows],
        tuning=material.images["tuning"], tuning_targets=material.labels["tuning"], preprocess=material.preprocess,
    )  # fmt: skip
    held: dict[str, Any] = {"n_labelled": len(rows)}
    for way in WAYS:
        start = start_of(name, way, seed, material)
        model, marks = fit(start, plan, data, monitor=judge_of(material.task).monitor(material.task))
        print(f"  {share:g} of labels, seed {seed}, {way}: tuning {marks[-1].tuning_score:.4f}", flush=True)
        held[way] = softmax(logits_of(model, material.images["test"], material.preprocess))
    buffer = io.BytesIO()
    np.savez(buffer, **held)
    write_atomic(CELLS / f"{name}-{share:g}-{seed}.npz", buffer.getvalue())


def summarize(name: str, share: float, material: Material) -> None:
    """Write the rows of one share: the mean of the seeds, and one interval over test images that all seeds share."""
    paths = {seed: CELLS / f"{name}-{share:g}-{seed}.npz" for seed in SEEDS}
    cells = {seed: dict(np.load(path)) for seed, path in paths.items() if path.is_file()}
    if not cells:
        return
    labels, task = material.labels["test"], material.task
    weights = weights_of(resamples([str(i) for i in range(len(labels))], seed=0), len(labels))
    n_labelled = int(next(iter(cells.values()))["n_labelled"])
    title = f"{STUDIES[name].title}, {n_labelled} labelled images, residual-x0.5"
    area = "AUROC" if task.is_binary else "macro AUROC"
    values = {way: np.array([auroc_of(task, labels, cell[way]) for cell in cells.values()]) for way in WAYS}
    drawn = {
        way: np.mean([drawn_aurocs(task, labels, cell[way], weights) for cell in cells.values()], axis=0)
        for way in WAYS
    }
    for way in WAYS:
        found = percentile(float(values[way].mean()), drawn[way], len(labels))
        words = "from chance" if way == "scratch" else f"pre-trained without labels for {STUDIES[name].n_epochs} epochs"
        _record(
            f"{title}: test {area} {words}", found.value, found.low, found.high, "none, for comparison", True, cells
        )
    gain = percentile(
        float((values["pretrained"] - values["scratch"]).mean()), drawn["pretrained"] - drawn["scratch"], len(labels),
        low=-1.0,
    )  # fmt: skip
    _record(
        f"{title}: gain of pre-training in {area}, paired", gain.value, gain.low, gain.high, "> 0", gain.low > 0, cells
    )


def _record(figure: str, value: float, low: float, high: float, target: str, met: bool, cells: dict[int, Any]) -> None:
    record("data", Figure(figure=figure, value=value, low=low, high=high, target=target, met=met, command=COMMAND,
                          seeds=tuple(cells)))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="comma-separated")
    parser.add_argument("--studies", default=",".join(STUDIES), help="comma-separated")
    asked = parser.parse_args()
    CELLS.mkdir(parents=True, exist_ok=True)
    for name in asked.studies.split(","):
        study, material = STUDIES[name], gathered(STUDIES[name])
        for seed in map(int, filter(None, asked.seeds.split(","))):
            for share in study.shares:
                if not (CELLS / f"{name}-{share:g}-{seed}.npz").is_file():
                    run_cell(name, share, seed, material)
                    summarize(name, share, material)
        for share in study.shares:
            summarize(name, share, material)


if __name__ == "__main__":
    main()
