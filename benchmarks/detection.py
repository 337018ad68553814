"""Detection of blood cells (BCCD) by a shipped int8 file: ``python -m benchmarks.detection`` with ``$BEDSIDE_DATA``.

Each seed is fitted, exported and scored once on the official test part, and found again afterwards; 6 CPU minutes a
seed. Many red cells are drawn in no annotation of the source, so that the figures of RBC are lower bounds: nothing is
ignored or corrected here.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.files import write_atomic
from bedside.base.jsonform import to_json
from bedside.base.task import Task
from bedside.data.augment import Augment
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images
from bedside.data.targets import targets_of
from bedside.data.units import units_of
from bedside.runtime.session import open_session
from bedside.train.architecture import build
from bedside.train.checkpoint import load_weights, save_weights
from bedside.train.fitting import TrainingData, fit
from bedside.train.objective import objective_of
from bedside.train.plan import EpochMark, TrainPlan
from bedside.verify.average_precision_boxes import box_precision
from bedside.verify.box_judge import AP50, compare_precision, matched
from bedside.verify.box_matching import IOU_LEVELS, Matches
from bedside.verify.froc import froc
from bedside.verify.judge import Truth, judge_of
from bedside.verify.outputs import outputs_of
from benchmarks.exporting import exported
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells"
SEEDS = (0, 1, 2)
COMMAND = "python -m benchmarks.detection"
TITLE = "BCCD blood cells 320 x 240 px, official test (72 images), centre_lite0, 12 epochs"
PREPROCESS = Preprocess(n_channels=3, height_px=240, width_px=320)
N_OBSERVED, EVERY_TUNING = 64, 4
AUGMENT = Augment(
    rotate_deg=0, shear_frac=0, scale_frac=0.2, shift_frac=0.1, flip_prob=0.5, upside_down_prob=0.5, gain_frac=0.15,
    offset_frac=0.08, gamma_frac=0.2, erase_prob=0,
)  # fmt: skip


def part(cohort: Cohort, name: str) -> tuple[Case, ...]:
    """Cases of one of the source's own parts."""
    return tuple(case for case in cohort.cases if case.part == name)


def fitted(cohort: Cohort, seed: int, folder: Path) -> Any:
    """The network of one seed, fitted or found; a quarter of the tuning images chooses the epoch."""
    architecture = objective_of(cohort.task).reference(PREPROCESS.spec, cohort.task, None)
    network, weights = build(architecture, seed=seed), folder / "weights.safetensors"
    if weights.is_file():
        return load_weights(network, weights)
    development, tuning = part(cohort, "development"), part(cohort, "tuning")[::EVERY_TUNING]
    data = TrainingData(
        development=stack_images(development, PREPROCESS),
        development_targets=targets_of(development, cohort.task, PREPROCESS),
        tuning=stack_images(tuning, PREPROCESS),
        tuning_targets=targets_of(tuning, cohort.task, PREPROCESS),
        preprocess=PREPROCESS,
        kind=cohort.task.kind,
    )
    plan = TrainPlan(
        n_epochs=12, batch_size=4, learning_rate=2e-3, patience=12, n_views=12, augment=AUGMENT, seed=seed
    )  # fmt: skip
    model, _ = fit(
        network, plan, data, monitor=judge_of(cohort.task).monitor(cohort.task),
        checkpoint=folder / "fit.ckpt", on_epoch=_tell,
    )  # fmt: skip
    save_weights(model, weights)
    return model


def _tell(mark: EpochMark) -> None:
    print(f"epoch {mark.epoch}: loss {mark.loss:.3f}, tuning {mark.tuning_score:.4f}", flush=True)


def run_cell(cohort: Cohort, seed: int) -> dict[str, Any]:
    """Fit, export and score one seed, or find it finished."""
    done = CELLS / f"detection-{seed}.json"
    if done.is_file():
        return json.loads(done.read_text())
    folder, begun = CELLS / f"detection-{seed}", time.process_time()
    folder.mkdir(parents=True, exist_ok=True)
    model = fitted(cohort, seed, folder)
    fit_s = time.process_time() - begun
    observed = PREPROCESS.normalize(stack_images(part(cohort, "development")[:N_OBSERVED], PREPROCESS))
    files = exported(model, PREPROCESS.spec, cohort.task.n_classes, observed, folder)
    test = part(cohort, "test")
    images = stack_images(test, PREPROCESS)
    truth = Truth(
        task=cohort.task, targets=targets_of(test, cohort.task, PREPROCESS), units=tuple(units_of(test))
    )  # fmt: skip
    matches = [matched(outputs_of(open_session(file, folder), images, PREPROCESS), truth) for file in files]
    found: dict[str, Any] = {
        file.precision: _figures(one, truth, seed) for file, one in zip(files, matches, strict=True)
    }
    difference = compare_precision(matches[1], matches[0], truth.units, margin=0.02, n=1000, seed=seed).difference
    found |= {"difference": difference, "size_bytes": files[1].size_bytes, "fit_cpu_s": fit_s}
    write_atomic(done, to_json(found, indent=1))
    return json.loads(done.read_text())


def _figures(matches: Matches, truth: Truth, seed: int) -> dict[str, Any]:
    half, whole = (box_precision(matches, levels, truth.units, seed=seed) for levels in (AP50, IOU_LEVELS))
    by_class = dict(zip(truth.task.classes, half.by_class, strict=True))
    return {
        "ap50": half.mean,
        "ap": whole.mean,
        "by_class": by_class,
        "froc": froc(matches, truth.units, seed=seed).mean,
    }


def summarize(cells: list[dict[str, Any]], seeds: tuple[int, ...], task: Task) -> None:
    """Means over seeds, with the mean 95 % interval of a bootstrap of images."""

    def row(figure: str, found: list[dict[str, float]], target: str, met: bool) -> None:
        value, low, high = (float(np.mean([one[key] for one in found])) for key in ("value", "low", "high"))
        record("data", Figure(figure=f"{TITLE}: {figure}", value=value, low=low, high=high, target=target, met=met,
                              command=COMMAND, seeds=seeds))  # fmt: skip

    def bare(values: list[float]) -> list[dict[str, float]]:
        return [{"value": value, "low": min(values), "high": max(values)} for value in values]

    whole = [cell["int8"]["ap50"] for cell in cells]
    mean = float(np.mean([one["value"] for one in whole]))
    row("AP50 of the shipped int8 file, mean over classes", whole, ">= 0.85", mean >= 0.85)
    for name in task.classes:
        note = " (many are unlabelled in the source: a lower bound)" if name == "RBC" else ""
        each = [cell["int8"]["by_class"][name] for cell in cells]
        row(f"AP50 of {name}{note}, int8", each, "none, for comparison", True)
    row("AP at IoU 0.50 to 0.95, int8", [cell["int8"]["ap"] for cell in cells], "none, for comparison", True)
    row("sensitivity, mean over 1/8 to 8 false positives an image, int8", [cell["int8"]["froc"] for cell in cells],
        "none, for comparison", True)  # fmt: skip
    apart = [cell["difference"] for cell in cells]
    row("AP50 of int8 less that of its own fp32 file", apart, ">= -0.01",
        float(np.mean([one["value"] for one in apart])) >= -0.01)  # fmt: skip
    sizes = [cell["size_bytes"] / 2**20 for cell in cells]
    row("size of the shipped file, MiB", bare(sizes), "<= 3", max(sizes) <= 3)
    minutes = [cell["fit_cpu_s"] / 60 for cell in cells]
    row("one fit, CPU minutes", bare(minutes), "<= 7", max(minutes) <= 7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="comma-separated; rows cover what is done")
    asked = tuple(int(seed) for seed in parser.parse_args().seeds.split(","))
    CELLS.mkdir(exist_ok=True)
    cohort = load_cohort(f"boxes:{Path(os.environ['BEDSIDE_DATA']) / 'micro_bccd_detection'}", may_flip="yes")
    for seed in asked:
        run_cell(cohort, seed)
        cells = {n: json.loads(path.read_text()) for n in SEEDS if (path := CELLS / f"detection-{n}.json").is_file()}
        summarize(list(cells.values()), tuple(cells), cohort.task)


if __name__ == "__main__":
    main()
