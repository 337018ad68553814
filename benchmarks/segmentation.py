"""Outlines in two dimensions: ``python -m benchmarks.segmentation`` with ``$BEDSIDE_DATA`` (resumes cell by cell).

A cell is one light U-Net with the ImageNet encoder, fitted on the parts that the data come with, written as int8
LiteRT, and judged once on the test by the shipped file in its own runtime, on the grid of the images as they are.
Cases that leak into a more protected part are dropped from the other one.
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.files import write_atomic
from bedside.base.task import Task
from bedside.data.audit import audit_cohort, usable
from bedside.data.augment import Augment
from bedside.data.case import Case
from bedside.data.distort import Distort
from bedside.data.label_masks import label_mask, mask_targets
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import Split, split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.units import units_of
from bedside.runtime.artifact import Artifact
from bedside.runtime.session import logits, open_session
from bedside.serve.outline_answers import native_mask
from bedside.verify.judge import Truth, judge_of
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.overlap import class_tables, dice_of
from bedside.verify.resampling import unit_weights
from bedside.verify.segment_figures import case_mean, mean_over_cases
from benchmarks.exporting import exported
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells"
SEEDS = (0, 1, 2)
COMMAND = "python -m benchmarks.segmentation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A data set, what is fitted on it, and what it shall reach."""

    name: str
    title: str
    folder: str
    n_channels: int
    side_px: int
    width: float
    n_epochs: int
    target_dice: float
    most_mib: float
    learning_rate: float = 1.5e-3
    augment: Augment = field(
        default_factory=lambda: Augment(rotate_deg=20, scale_frac=0.2, flip_prob=0.5, erase_prob=0.0)
    )


STUDIES = (
    Study(name="kvasir", title="endo_polyp_kvasir", folder="endo_polyp_kvasir", n_channels=3, side_px=160, width=0.75,
          n_epochs=6, target_dice=0.80, most_mib=3.0),
    Study(name="busi-lesions", title="us_breast_busi lesions", folder="us_breast_busi", n_channels=1, side_px=160,
          width=0.75, n_epochs=18, target_dice=0.72, most_mib=2.0, learning_rate=1.2e-3,
          augment=Augment(rotate_deg=25, scale_frac=0.3, flip_prob=0.5, gain_frac=0.3, gamma_frac=0.4, noise_frac=0.05,
                          distort=Distort(elastic_prob=0.4, speckle_prob=0.3))),
)  # fmt: skip
"""The breast lesions' augmentation, rate and size were chosen on tuning: Dice 0.790 there, against 0.773 with less."""


def run_cell(study: Study, seed: int) -> dict[str, Any]:
    """Run one cell, or find it finished."""
    done = CELLS / f"segmentation-{study.name}-{seed}.json"
    if done.is_file():
        return json.loads(done.read_text())
    begun = time.process_time()
    cohort = load_cohort(f"masks:{Path(os.environ['BEDSIDE_DATA']) / study.folder}", may_flip="yes")
    cohort = usable(cohort, audit_cohort(cohort, policy="drop")[1])
    split = split_by_patient(cohort, seed=0)
    preprocess = Preprocess(n_channels=study.n_channels, height_px=study.side_px, width_px=study.side_px)
    artifacts, folder, fit_s = make_files(study, split, cohort.task, preprocess, seed)
    test = split.test.open(reason="the one evaluation of this cell")
    shipped = artifacts[-1]
    point = locked(shipped, folder, split.tuning, cohort.task, preprocess)
    ready = preprocess.normalize(stack_images(test, preprocess))
    scores = {
        artifact.precision: native_dice(
            test, logits(open_session(artifact, folder), ready), point, cohort.task, preprocess
        )
        for artifact in artifacts
    }
    found = summary_of(test, cohort.task, scores) | {
        "size_mib": shipped.size_bytes / 2**20, "point": asdict(point), "fit_seconds": fit_s,
        "cpu_seconds": time.process_time() - begun, "study": asdict(study), "n_test": len(test),
    }  # fmt: skip
    write_atomic(done, json.dumps(found, indent=1).encode())
    return found


def make_files(
    study: Study, split: Split, task: Task, preprocess: Preprocess, seed: int
) -> tuple[tuple[Artifact, ...], Path, float]:
    """Fit on development, observe, and write fp32 and int8; returns the seconds of CPU that the fit took too."""
    from bedside.train.architecture import Architecture, build
    from bedside.train.fitting import TrainingData, fit
    from bedside.train.plan import TrainPlan

    data = TrainingData(
        development=stack_images(split.development, preprocess),
        development_targets=mask_targets(split.development, task, preprocess),
        tuning=stack_images(split.tuning, preprocess),
        tuning_targets=mask_targets(split.tuning, task, preprocess),
        preprocess=preprocess,
        kind=task.kind,
    )
    plan = TrainPlan(
        n_epochs=study.n_epochs, batch_size=8, learning_rate=study.learning_rate, patience=study.n_epochs,
        n_views=10_000, seed=seed, augment=study.augment,
    )  # fmt: skip
    architecture = Architecture(
        family="unet_lite0", width=study.width, spec=preprocess.spec, n_classes=task.n_classes, pretrained=True
    )
    folder = CELLS / f"segmentation-{study.name}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.process_time()
    model, _ = fit(
        build(architecture, seed=seed), plan, data, monitor=judge_of(task).monitor(task),
        checkpoint=folder / "fit.ckpt",
        on_epoch=lambda mark: print(study.name, seed, mark, f"{time.process_time() - begun:.0f} s", flush=True),
    )  # fmt: skip
    fit_s = time.process_time() - begun
    observed = preprocess.normalize(stack_images(split.observation, preprocess))
    return exported(model, preprocess.spec, task.n_classes, observed, folder), folder, fit_s


def locked(
    shipped: Artifact, folder: Path, tuning: tuple[Case, ...], task: Task, preprocess: Preprocess
) -> OperatingPoint:
    """Lock the shipped file's operating point on the tuning part; its own fp32 file is called at the same one."""
    outputs = logits(open_session(shipped, folder), preprocess.normalize(stack_images(tuning, preprocess)))
    truth = Truth(task=task, targets=mask_targets(tuning, task, preprocess), units=tuple(units_of(tuning)))
    return judge_of(task).lock(truth, outputs, target_sensitivity=None)


def native_dice(
    cases: tuple[Case, ...], outputs: FloatArray, point: OperatingPoint, task: Task, preprocess: Preprocess
) -> FloatArray:
    """Dice of every case on the grid of its own image, ``(n,)``."""
    found = []
    for case, one in zip(cases, outputs, strict=True):
        truth = label_mask(case, task)
        called = native_mask(point.probabilities(one[None])[0], truth.shape[:2], preprocess, point)
        found.append(dice_of(class_tables(truth[None], called[None], task.n_classes))[0])
    return case_mean(np.array(found))


def summary_of(cases: tuple[Case, ...], task: Task, scores: dict[str, FloatArray]) -> dict[str, Any]:
    """Mean Dice with its interval by group: all cases (two empty masks agree: 1), and those that have a lesion."""
    units = tuple(units_of(cases))
    weights, n_units = unit_weights(units, len(units), n_resamples=1000, seed=0), len(set(units))
    present = np.array([label_mask(case, task).any() for case in cases])
    shipped, apart = scores["int8"], scores["int8"] - scores["fp32"]
    drawn = weights @ apart / weights.sum(axis=1)
    return {
        "dice": asdict(mean_over_cases(shipped, weights, n_units)),
        "dice_present": asdict(mean_over_cases(np.where(present, shipped, np.nan), weights, n_units)),
        "alarms_frac": float(np.mean(shipped[~present] == 0)) if (~present).any() else None,
        "int8_less_fp32": {
            "value": float(apart.mean()), "low": float(np.percentile(drawn, 2.5)),
            "high": float(np.percentile(drawn, 97.5)),
        },
        "int8_less_fp32_present": float(apart[present].mean()),
        "n_empty": int((~present).sum()),
    }  # fmt: skip


def summarize(study: Study, cells: dict[int, dict[str, Any]]) -> None:
    """Write the rows of a study: means over seeds, with the mean of their intervals."""
    seeds = tuple(cells)

    def row(figure: str, key: str, target: str, least: float | None) -> None:
        parts = {end: float(np.mean([cell[key][end] for cell in cells.values()])) for end in ("value", "low", "high")}
        met = True if least is None else parts["value"] >= least
        record("data", Figure(figure=f"{study.title}: {figure}", **parts, target=target, met=met, command=COMMAND,
                              seeds=seeds))  # fmt: skip

    what = f"light U-Net, {study.side_px} px input, int8 LiteRT, test at the images' own grid, mean of seeds"
    n_empty = next(iter(cells.values()))["n_empty"]
    everyone = " (empty masks agree: 1)" if n_empty else ""
    row(f"Dice{everyone}, {what}", "dice", f">= {study.target_dice}", study.target_dice)
    if n_empty:
        row(f"Dice of images with a lesion, {what}", "dice_present", f">= {study.target_dice}", study.target_dice)
    change(study, "", [cell["int8_less_fp32"]["value"] for cell in cells.values()], seeds)
    if n_empty:
        change(study, " of images with a lesion", [c["int8_less_fp32_present"] for c in cells.values()], seeds)
    sizes = [cell["size_mib"] for cell in cells.values()]
    record("data", Figure(figure=f"{study.title}: size of the segmentation int8 file, MiB", value=float(np.mean(sizes)),
                          low=min(sizes), high=max(sizes), target=f"<= {study.most_mib:g}",
                          met=max(sizes) <= study.most_mib, command=COMMAND, seeds=seeds))  # fmt: skip


def change(study: Study, of: str, differences: list[float], seeds: tuple[int, ...]) -> None:
    """Write what int8 takes from Dice, both files called at the shipped operating point."""
    sizes = [abs(difference) for difference in differences]
    record("data", Figure(figure=f"{study.title}: Dice{of}, int8 less its own fp32 file, absolute, mean of seeds",
                          value=float(np.mean(sizes)), low=min(sizes), high=max(sizes), target="<= 0.005",
                          met=max(sizes) <= 0.005, command=COMMAND, seeds=seeds))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", default=",".join(study.name for study in STUDIES), help="comma-separated")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="comma-separated")
    asked = parser.parse_args()
    CELLS.mkdir(exist_ok=True)
    for study in (study for study in STUDIES if study.name in asked.studies.split(",")):
        for seed in map(int, asked.seeds.split(",")):
            run_cell(study, seed)
        paths = {seed: CELLS / f"segmentation-{study.name}-{seed}.json" for seed in SEEDS}
        summarize(study, {seed: json.loads(path.read_text()) for seed, path in paths.items() if path.is_file()})


if __name__ == "__main__":
    main()
