"""Pruning criteria side by side at one recovery budget: ``python -m benchmarks.compression.pruning`` (resumes).

A cell is one data set, criterion, factor and seed: the dense network of that data set and seed is pruned at once,
recovers on the same number of images, distilled by the dense one, and is scored once on the test part. Rivals are
pruned as their papers say; ours refits what stays (``+refit``), and rows with a rival's name and ``+refit``, or with
ours and ``-bare``, tell the parts apart. Each cell is a file, written when it ends; two processes may share the work
(``--share 0/2`` and ``--share 1/2``).
"""

import argparse
import io
import time
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.files import write_atomic
from bedside.verify.intervals import bootstrap, resamples
from bedside.verify.metrics import softmax
from bedside.verify.noninferiority import auroc_of
from benchmarks.compression.studies import CELLS, STUDIES, Material, dense_of, gathered, monitor_of, task_told
from benchmarks.ledger import Figure, record

TABLE = ("pneumonia28", "breast28", "nodule50", "busi64", "braintumor64", "kermany64")
RIVALS = ("random", "l1", "taylor", "fpgm")
OURS = "diagnostic+refit"
COMMAND = "python -m benchmarks.compression.pruning"
ABLATIONS = (
    "diagnostic", "taylor+refit", "random+refit", "diagnostic-unweighted+refit", "diagnostic-unbalanced+refit",
    "diagnostic-costless+refit",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement."""

    study: str
    criterion: str
    factor: int
    recovery_images: int
    seed: int

    @property
    def path(self) -> Path:
        """Its file."""
        how = f"{self.criterion}-{self.factor}x-r{self.recovery_images}"
        return CELLS / f"{self.study}-{how}-{self.seed}.npz"


def run_cell(cell: Cell, material: Material, dense: tuple[Any, Any, Any]) -> None:
    """Prune, recover, score, and write the cell."""
    from bedside.compress.cost import count_model
    from bedside.compress.prune import Prune
    from bedside.compress.recipe import Workbench
    from bedside.runtime.devices import device_named
    from bedside.train.checkpoint import save_weights
    from bedside.train.fitting import logits_of

    model, recipe, answers = dense
    bench = Workbench(data=material.data, monitor=monitor_of(material.task), teacher_logits=answers)
    begun = time.process_time()
    pruned = model
    if cell.factor > 1:
        criterion, plus, _ = cell.criterion.partition("+")
        settings = Prune(
            criterion=criterion, macs_frac=1 / cell.factor, reconstruct=bool(plus),
            recovery_frac=1.0 if cell.recovery_images else 0.0,
        )  # fmt: skip
        pruned = settings(model, recipe, bench)
        if cell.criterion == OURS:
            save_weights(pruned, cell.path.with_suffix(".safetensors"))
    cost = count_model(pruned, recipe.architecture.spec, device_named("host"))
    outputs = softmax(logits_of(pruned, material.test, material.data.preprocess))
    buffer = io.BytesIO()
    np.savez(
        buffer, probabilities=outputs, labels=material.test_labels, units=np.array(material.test_units),
        auroc=auroc_of(material.task, material.test_labels, outputs), mmacs=cost.mmacs, int8_kib=cost.int8_kib,
        cpu_s=time.process_time() - begun, task=material.told,
        n_seen=recipe.plan.n_epochs * len(material.data.development) if cell.recovery_images else 0,
    )  # fmt: skip
    write_atomic(cell.path, buffer.getvalue())


def read_cell(cell: Cell) -> dict[str, Any] | None:
    """Read a finished cell."""
    if not cell.path.is_file():
        return None
    with np.load(cell.path, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}


def seeds_of(cell: Cell, seeds: tuple[int, ...]) -> dict[int, dict[str, Any]]:
    """The finished seeds of a cell."""
    found = {seed: read_cell(replace(cell, seed=seed)) for seed in seeds}
    return {seed: value for seed, value in found.items() if value is not None}


def mean_estimate(ours: dict[int, dict[str, Any]], rival: dict[int, dict[str, Any]] | None = None) -> Any:
    """Mean AUROC over seeds, or its difference to a rival's; interval by patients, the same draws for every seed."""
    first = next(iter(ours.values()))
    task, labels, units = task_told(str(first["task"])), first["labels"], [str(unit) for unit in first["units"]]

    def mean_of(cells: dict[int, dict[str, Any]], rows: np.ndarray) -> float:
        return float(np.mean([auroc_of(task, labels[rows], cell["probabilities"][rows]) for cell in cells.values()]))

    return bootstrap(
        lambda rows: mean_of(ours, rows) - (mean_of(rival, rows) if rival else 0.0),
        resamples(units, n_resamples=500, seed=0), n_rows=len(labels), n_patients=len(set(units)),
    )  # fmt: skip


def summarize(
    studies: list[str], factors: list[int], criteria: list[str], n_images: int, seeds: tuple[int, ...]
) -> None:
    """Write one row for each data set, factor and criterion over the seeds that are finished, and the count."""
    verdicts, shared = [], set(seeds)
    for study in studies:
        _row(
            Cell(study=study, criterion="dense", factor=1, recovery_images=n_images, seed=0),
            seeds,
            "none, for comparison",
            met=True,
        )
        for factor, criterion in product(factors, criteria):
            cell = Cell(study=study, criterion=criterion, factor=factor, recovery_images=n_images, seed=0)
            if criterion != OURS:
                _row(cell, seeds, "none, for comparison", met=True)
            elif (verdict := _against_best(cell, seeds)) is not None:
                target, gap = verdict
                _row(cell, seeds, target, met=gap.value >= 0)
                verdicts.append(gap)
                shared &= set(seeds_of(cell, seeds))
    if verdicts:
        _count(verdicts, n_images, tuple(sorted(shared)))


def _row(cell: Cell, seeds: tuple[int, ...], target: str, *, met: bool) -> None:
    if not (done := seeds_of(cell, seeds)):
        return
    mean, first = mean_estimate(done), next(iter(done.values()))
    title = "dense" if cell.factor == 1 else f"{cell.factor}x fewer MACs, {cell.criterion}"
    n_seen = int(first.get("n_seen", cell.recovery_images))
    record("compression", Figure(
        figure=f"{cell.study}: {title} (one-shot, recovery on {n_seen} images): test AUROC, mean of seeds, 95 % "
        "interval by patient",
        value=mean.value, low=mean.low, high=mean.high, met=met,
        target=f"{target}; {float(first['mmacs']):.2f} MMACs",
        command=f"{COMMAND} --studies {cell.study} --recovery-images {cell.recovery_images}", seeds=tuple(done),
    ))  # fmt: skip


def _against_best(cell: Cell, seeds: tuple[int, ...]) -> tuple[str, Any] | None:
    """Compare with the best rival of the same cell on the seeds that all have; paired by patient."""
    ours = seeds_of(cell, seeds)
    rivals = {name: seeds_of(replace(cell, criterion=name), tuple(ours)) for name in RIVALS}
    if not ours or any(len(found) < len(ours) for found in rivals.values()):
        return None
    best = max(rivals, key=lambda name: float(np.mean([found["auroc"] for found in rivals[name].values()])))
    gap = mean_estimate(ours, rivals[best])
    told = f"paired difference {gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
    return f">= best rival {best}; {told}", gap


def _count(gaps: list[Any], n_images: int, seeds: tuple[int, ...]) -> None:
    """Count the cells; `seeds` are those that every one of them has."""
    better = float(np.mean([gap.value >= 0 for gap in gaps]))
    won, lost = sum(gap.low > 0 for gap in gaps), sum(gap.high < 0 for gap in gaps)
    record("compression", Figure(
        figure=f"pruning, {n_images} recovery images: share of {len(gaps)} cells (data set x factor) in which ours has "
        f"at least the mean AUROC of the best of {', '.join(RIVALS)}",
        value=better, low=better, high=better,
        target=f">= 0.80, none significantly worse; significantly better in {won}, worse in {lost}",
        met=better >= 0.8 and not lost,
        command=f"{COMMAND} --recovery-images {n_images}", seeds=seeds,
    ))  # fmt: skip


def compare_ablations(studies: list[str], factors: list[int], n_images: int, seeds: tuple[int, ...]) -> None:
    """One row for each part of our method: ours less ours without it, over the cells and seeds that both have."""
    for ablation in ABLATIONS:
        gaps, shared = [], set(seeds)
        for study, factor in product(studies, factors):
            cell = Cell(study=study, criterion=OURS, factor=factor, recovery_images=n_images, seed=0)
            without = seeds_of(replace(cell, criterion=ablation), seeds)
            ours = {seed: found for seed, found in seeds_of(cell, seeds).items() if seed in without}
            if ours:
                gaps.append(mean_estimate(ours, {seed: without[seed] for seed in ours}))
                shared &= set(ours)
        if gaps:
            _ablation_row(ablation, gaps, n_images, tuple(sorted(shared)))


def _ablation_row(ablation: str, gaps: list[Any], n_images: int, seeds: tuple[int, ...]) -> None:
    values = [gap.value for gap in gaps]
    won, lost = sum(gap.low > 0 for gap in gaps), sum(gap.high < 0 for gap in gaps)
    record("compression", Figure(
        figure=f"pruning ablation, {n_images} recovery images: {OURS} less {ablation}, test AUROC, mean of "
        f"{len(gaps)} cells [range of the cells]",
        value=float(np.mean(values)), low=min(values), high=max(values), met=bool(np.mean(values) > 0),
        target=f"above 0; significantly better in {won}, worse in {lost}",
        command=f"{COMMAND} --recovery-images {n_images} --criteria {ablation}", seeds=seeds,
    ))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", default=",".join(TABLE), help=f"some of {', '.join(STUDIES)}")
    parser.add_argument("--criteria", default=",".join((*RIVALS, OURS)), help=f"also {', '.join(ABLATIONS)}")
    parser.add_argument("--factors", default="2,4,8")
    parser.add_argument("--recovery-images", type=int, default=1000, help="whole epochs up to so many images; 0: none")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--share", default="0/1", help="I/N: every Nth study and seed, from the Ith on")
    parser.add_argument("--only-rows", action="store_true", help="write the rows of the cells that are there")
    asked = parser.parse_args()
    CELLS.mkdir(parents=True, exist_ok=True)
    studies, criteria = asked.studies.split(","), asked.criteria.split(",")
    factors, seeds = [int(f) for f in asked.factors.split(",")], tuple(int(s) for s in asked.seeds.split(","))
    mine, n_shares = (int(part) for part in asked.share.split("/"))
    n_images = asked.recovery_images
    pairs = [] if asked.only_rows else list(product(seeds, studies))
    for number, (seed, study) in enumerate(pairs):
        cells = [Cell(study=study, criterion="dense", factor=1, recovery_images=n_images, seed=seed)]
        grid = product(factors, criteria)
        cells += [Cell(study=study, criterion=c, factor=f, recovery_images=n_images, seed=seed) for f, c in grid]
        if number % n_shares == mine and (todo := [cell for cell in cells if not cell.path.is_file()]):
            _run_all(todo, study, seed)
    if OURS in criteria:
        summarize(studies, factors, criteria, n_images, seeds)
    compare_ablations(studies, factors, n_images, seeds)


def _run_all(cells: list[Cell], study: str, seed: int) -> None:
    from bedside.train.fitting import teach

    material = gathered(study)
    model, recipe = dense_of(study, seed, material, cells[0].recovery_images)
    dense = (model, recipe, teach(model, recipe.plan, material.data))
    for cell in cells:
        run_cell(cell, material, dense)
        found = read_cell(cell) or {}
        print(f"{cell.path.stem}: {float(found['auroc']):.4f}, {float(found['cpu_s']):.0f} s", flush=True)


if __name__ == "__main__":
    main()
