"""Outlines in three dimensions: ``python -m benchmarks.volumes`` with ``$BEDSIDE_DATA`` (resumes seed by seed).

A cell is one light 3-D U-Net, fitted from scratch on the parts that the data come with, written as int8 LiteRT, and
judged once on the test by the shipped files in their own runtime, tile by tile, on the grid of the volumes' own files.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.files import write_atomic
from bedside.base.task import Task
from bedside.data.augment_volumes import AugmentVolumes
from bedside.data.case import Case
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import Split, split_by_patient
from bedside.data.stacking import stack_images, suit_preprocess
from bedside.data.units import units_of
from bedside.data.volume_targets import label_map_targets, own_label_map
from bedside.runtime.artifact import Artifact
from bedside.runtime.session import logits, open_session
from bedside.serve.volume_outlines import run_volume, volume_mask
from bedside.verify.judge import Truth, judge_of
from bedside.verify.resampling import unit_weights
from bedside.verify.segment_figures import CaseFigures, case_mean, figures_of, mean_over_cases
from benchmarks.exporting import exported
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells"
SEEDS = (0, 1, 2)
COMMAND = "python -m benchmarks.volumes"
TITLE = "mri_hippocampus_msd"
CLASSES = ("background", "anterior", "posterior")
WIDTH = 1.0
N_EPOCHS = 24
CROP = (32, 48, 32)
MOST_MIB, TARGET_DICE, MOST_LOST = 2.0, 0.87, 0.005


def run_cell(seed: int) -> dict[str, Any]:
    """Run one seed, or find it finished."""
    done = CELLS / f"volumes-{seed}.json"
    if done.is_file():
        return json.loads(done.read_text())
    begun = time.process_time()
    folder = Path(os.environ["BEDSIDE_DATA"]) / "mri_hippocampus_msd"
    cohort = load_cohort(f"nifti:{folder}", classes=",".join(CLASSES))
    split = split_by_patient(cohort, seed=0)
    preprocess = suit_preprocess(cohort, image_px=96)
    artifacts, place, fit_s = make_files(split, cohort.task, preprocess, seed)
    test = split.test.open(reason="the one evaluation of this cell")
    judged = {a.precision: judged_figures(split, test, cohort.task, preprocess, a, place) for a in artifacts}
    found = summary_of(test, judged) | {
        "size_mib": next(a.size_bytes for a in artifacts if a.precision == "int8") / 2**20, "fit_seconds": fit_s,
        "cpu_seconds": time.process_time() - begun, "n_test": len(test), "width": WIDTH, "n_epochs": N_EPOCHS,
        "grid": preprocess.spec.shape,
    }  # fmt: skip
    write_atomic(done, json.dumps(found, indent=1).encode())
    return found


def make_files(split: Split, task: Task, preprocess: Preprocess, seed: int) -> tuple[tuple[Artifact, ...], Path, float]:
    """Fit on development, observe, and write fp32 and int8; returns the seconds of CPU that the fit took too."""
    import torch

    from bedside.train.architecture import Architecture, build
    from bedside.train.fitting import TrainingData, fit
    from bedside.train.plan import TrainPlan

    data = TrainingData(
        development=stack_images(split.development, preprocess),
        development_targets=label_map_targets(split.development, task, preprocess),
        tuning=stack_images(split.tuning, preprocess),
        tuning_targets=label_map_targets(split.tuning, task, preprocess),
        preprocess=preprocess,
        kind=task.kind,
    )
    plan = TrainPlan(
        n_epochs=N_EPOCHS, batch_size=4, learning_rate=4e-3, weight_decay=0.02, warmup_frac=0.05, patience=N_EPOCHS,
        n_views=10_000, seed=seed, augment_volumes=AugmentVolumes(crop=CROP),
    )  # fmt: skip
    architecture = Architecture(family="unet3d", width=WIDTH, spec=preprocess.spec, n_classes=task.n_classes)
    folder = CELLS / f"volumes-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.process_time()
    model, _ = fit(
        build(architecture, seed=seed), plan, data, monitor=judge_of(task).monitor(task),
        checkpoint=folder / "fit.ckpt",
        on_epoch=lambda mark: print(seed, mark, f"{time.process_time() - begun:.0f} s", flush=True),
    )  # fmt: skip
    fit_s = time.process_time() - begun
    model = model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # litert-torch wants it
    observed = preprocess.normalize(stack_images(split.observation, preprocess))
    return exported(model, preprocess.spec, task.n_classes, observed, folder), folder, fit_s


def judged_figures(
    split: Split, test: tuple[Case, ...], task: Task, preprocess: Preprocess, artifact: Artifact, folder: Path
) -> list[CaseFigures]:
    """Figures of one file on every test volume, each on its own grid and in mm; its threshold is locked on tuning."""
    session = open_session(artifact, folder)
    tuning = logits(session, preprocess.normalize(stack_images(split.tuning, preprocess)))
    targets, units = label_map_targets(split.tuning, task, preprocess), tuple(units_of(split.tuning))
    point = judge_of(task).lock(Truth(task=task, targets=targets, units=units), tuning, target_sensitivity=None)
    found = []
    for case in test:
        if case.path is None:
            raise AssertionError("these volumes are files")
        raw, spacing_mm = preprocess.read(case.path)
        outputs = run_volume(session, preprocess, raw, spacing_mm)
        called: ByteArray = volume_mask(outputs, preprocess, raw.shape, spacing_mm, point)
        truth = own_label_map(case, task)[0]
        found.append(figures_of(truth[None], called[None].astype(truth.dtype), task.n_classes, [spacing_mm]))
    return found


def summary_of(test: tuple[Case, ...], judged: dict[str, list[CaseFigures]]) -> dict[str, Any]:
    """Means over cases with intervals by patient, of the shipped file; and what int8 lost against fp32."""
    units = units_of(test)
    weights = unit_weights(units, len(test), n_resamples=1000, seed=0)

    def estimate(values: np.ndarray, *, is_share: bool = True) -> dict[str, float]:
        found = mean_over_cases(values, weights, len(set(units)), is_share=is_share)
        return {"value": found.value, "low": found.low, "high": found.high}

    def column(name: str, precision: str = "int8") -> np.ndarray:
        return np.concatenate([getattr(figures, name) for figures in judged[precision]])

    dice, exact = column("dice"), column("dice", "fp32")
    return {
        "dice": estimate(case_mean(dice)),
        "dice_fp32": estimate(case_mean(exact)),
        "lost": estimate(case_mean(exact) - case_mean(dice), is_share=False),
        "hd95_mm": estimate(case_mean(column("hd95")), is_share=False),
        "nsd": estimate(case_mean(column("nsd"))),
        **{f"dice_{name}": estimate(dice[:, k]) for k, name in enumerate(CLASSES[1:])},
    }


def finished() -> dict[int, dict[str, Any]]:
    """Finished cells by seed, whoever ran them."""
    paths = {seed: CELLS / f"volumes-{seed}.json" for seed in SEEDS}
    return {seed: json.loads(path.read_text()) for seed, path in paths.items() if path.is_file()}


def summarize(cells: dict[int, dict[str, Any]]) -> None:
    """Write the rows: means over seeds, with the mean of the intervals by case."""

    def row(figure: str, key: str, target: str = "none, for comparison", met: bool = True) -> None:
        value, low, high = (
            float(np.mean([cell[key][end] for cell in cells.values()])) for end in ("value", "low", "high")
        )
        record("data", Figure(figure=f"{TITLE}: {figure}", value=value, low=low, high=high, target=target, met=met,
                              command=COMMAND, seeds=tuple(cells)))  # fmt: skip

    dice = float(np.mean([cell["dice"]["value"] for cell in cells.values()]))
    worst = max(abs(cell["lost"]["value"]) for cell in cells.values())
    suffix = "mean of seeds, mean 95 % interval by case"
    row(f"Dice of both labels, shipped int8, {suffix}", "dice", f">= {TARGET_DICE}", dice >= TARGET_DICE)
    for name in CLASSES[1:]:
        row(f"Dice, {name}, {suffix}", f"dice_{name}")
    row(f"Dice of the fp32 file, {suffix}", "dice_fp32")
    row(f"Dice lost by int8, {suffix}; the largest of a seed counts", "lost", f"<= {MOST_LOST}", worst <= MOST_LOST)
    row(f"HD95, mm, {suffix}", "hd95_mm")
    row(f"surface score (NSD) within 1 mm, {suffix}", "nsd")
    sizes = [cell["size_mib"] for cell in cells.values()]
    record("data", Figure(figure=f"{TITLE}: size of the shipped file, MiB", value=max(sizes), low=min(sizes),
                          high=max(sizes), target=f"<= {MOST_MIB}", met=max(sizes) <= MOST_MIB, command=COMMAND,
                          seeds=tuple(cells)))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="comma-separated; rows cover what is done")
    asked = parser.parse_args()
    CELLS.mkdir(exist_ok=True)
    for seed in (seed for seed in SEEDS if str(seed) in asked.seeds.split(",")):
        print(json.dumps(run_cell(seed)), flush=True)
        summarize(finished())


if __name__ == "__main__":
    main()
