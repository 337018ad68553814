"""The whole recipe against an fp32 ResNet-18: ``python -m benchmarks.compression.whole_recipe`` (resumes by cell).

A cell is one data set and seed. The reference is a ResNet-18 with its ordinary stem, fitted on the labels. Ours is the
dense residual network of the pruning table, pruned to a quarter of its work, refitted, distilled by the ResNet-18 while
it recovers, and shipped as an int8 LiteRT file; that file answers the sealed test. Latencies are medians of one thread,
the files in turn in one process.
"""

import argparse
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.files import write_atomic
from bedside.verify.metrics import softmax
from bedside.verify.noninferiority import auroc_of
from benchmarks.compression.pruning import mean_estimate
from benchmarks.compression.studies import CELLS as ROOT
from benchmarks.compression.studies import STUDIES, Material, dense_of, dense_plan, gathered, monitor_of
from benchmarks.exporting import exported
from benchmarks.ledger import Figure, record

CELLS = ROOT.parent / "whole_recipe"
COMMAND = "python -m benchmarks.compression.whole_recipe"
TABLE = ("nodule50", "kermany64", "braintumor64", "body64", "busi64", "pneumonia28", "ham64")
REFERENCE_IMAGES, RECOVERY_IMAGES = 10_000, 10_000
FACTOR, MARGIN, SEEDS = 4, 0.02, (0, 1, 2)
N_TURNS, N_RUNS = 5, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One data set and seed."""

    study: str
    seed: int

    @property
    def path(self) -> Path:
        """Its file."""
        return CELLS / f"{self.study}-{self.seed}.npz"


def run_cell(cell: Cell) -> None:
    """Fit the reference, make ours, export both, answer the test, time the files, and write the cell."""
    material = gathered(cell.study)
    reference = _reference(cell, material)
    dense, pruned = _ours(cell, material, reference)
    wanted = {"reference": (reference, "fp32"), "ours": (pruned, "int8")}
    if cell.seed == 0:
        wanted |= {"dense": (dense, "int8")}
    sessions, sizes = {}, {}
    for name, (model, precision) in wanted.items():
        sessions[name], sizes[name] = _session(cell, material, name, model, precision)
    held: dict[str, Any] = {f"{name}_bytes": size for name, size in sizes.items()}
    images = material.data.preprocess.normalize(material.test)
    for name in ("reference", "ours"):
        probabilities = softmax(sessions[name].run({"image": images})["logits"])
        held |= {f"{name}_probabilities": probabilities, f"{name}_auroc": auroc_of(material.task, material.test_labels,
                 probabilities)}  # fmt: skip
    held |= {f"{name}_ms": times for name, times in _in_turn(sessions, images[0]).items()}
    buffer = io.BytesIO()
    np.savez(buffer, labels=material.test_labels, units=np.array(material.test_units), task=material.told, **held)
    write_atomic(cell.path, buffer.getvalue())


def _reference(cell: Cell, material: Material) -> Any:
    from bedside.train.architecture import Architecture, build
    from bedside.train.checkpoint import load_weights, save_weights
    from bedside.train.fitting import fit

    spec, n_classes = material.data.preprocess.spec, material.task.n_classes
    architecture = Architecture(family="timm:resnet18", width=1.0, spec=spec, n_classes=n_classes)
    path = CELLS / f"reference-{cell.study}-{cell.seed}.safetensors"
    if path.is_file():
        return load_weights(build(architecture, seed=cell.seed), path)
    n_epochs = math.ceil(REFERENCE_IMAGES / len(material.data.development))
    plan = replace(dense_plan(material, cell.seed), n_epochs=n_epochs, patience=n_epochs, learning_rate=1e-3)
    model, _ = fit(build(architecture, seed=cell.seed), plan, material.data, monitor=monitor_of(material.task))
    save_weights(model, path)
    return model


def _ours(cell: Cell, material: Material, reference: Any) -> tuple[Any, Any]:
    from bedside.compress.prune import Prune
    from bedside.compress.recipe import Workbench
    from bedside.train.fitting import teach

    dense, recipe = dense_of(cell.study, cell.seed, material, RECOVERY_IMAGES)
    answers = teach(reference, recipe.plan, material.data)
    bench = Workbench(data=material.data, monitor=monitor_of(material.task), teacher_logits=answers)
    return dense, Prune(macs_frac=1 / FACTOR, recovery_frac=1.0)(dense, recipe, bench)


def _session(cell: Cell, material: Material, name: str, model: Any, precision: Any) -> tuple[Any, int]:
    from bedside.runtime.session import open_session

    folder, spec = CELLS / f"{cell.study}-{cell.seed}-{name}", material.data.preprocess.spec
    (artifact,) = exported(model, spec, material.task.n_classes, material.observed, folder, (precision,))
    return open_session(artifact, folder), artifact.size_bytes


def _in_turn(sessions: Mapping[str, Any], image: np.ndarray) -> dict[str, np.ndarray]:
    """Milliseconds of each file, taken in turn, so that a busy moment hits all alike."""
    from bedside.verify.profiling import time_session

    found: dict[str, list[np.ndarray]] = {name: [] for name in sessions}
    for _ in range(N_TURNS):
        for name, session in sessions.items():
            found[name].append(time_session(session, image, n_runs=N_RUNS))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def summarize(studies: list[str]) -> None:
    """Write the rows of these data sets over their finished seeds, and how many of the whole table meet all figures."""
    met, seeds = [], set(SEEDS)
    for study in dict.fromkeys((*TABLE, *studies)):
        cells = {seed: Cell(study=study, seed=seed).path for seed in SEEDS}
        if held := {seed: dict(np.load(path)) for seed, path in cells.items() if path.is_file()}:
            met.append(_rows(study, held))
            seeds &= set(held)
    if met:
        record("compression", Figure(
            figure="whole recipe: data sets with at least 20x fewer bytes, 8x lower latency and non-inferior AUROC",
            value=sum(met), low=sum(met), high=sum(met), target=f">= 5; of {len(met)}", met=sum(met) >= 5,
            command=COMMAND, seeds=tuple(sorted(seeds)),
        ))  # fmt: skip


def _rows(study: str, held: dict[int, dict[str, Any]]) -> bool:
    first = next(iter(held.values()))
    seeds, command = tuple(held), f"{COMMAND} --studies {study}"
    ours, reference = ({s: c | {"probabilities": c[f"{n}_probabilities"]} for s, c in held.items()}
                       for n in ("ours", "reference"))  # fmt: skip
    mean, gap = mean_estimate(ours), mean_estimate(ours, reference)
    told = f"reference {np.mean([float(c['reference_auroc']) for c in held.values()]):.4f}"
    gap_told = f"paired difference {gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}], above -{MARGIN}; {told}, "
    gap_told += f"{float(first['ours_bytes']) / 1024:.0f} KiB"
    bytes_ratio = min(float(c["reference_bytes"] / c["ours_bytes"]) for c in held.values())
    faster = [float(np.median(c["reference_ms"]) / np.median(c["ours_ms"])) for c in held.values()]
    rows = [
        ("test AUROC of the int8 file", mean.value, mean.low, mean.high, gap_told, gap.low > -MARGIN),
        ("fewer bytes than the fp32 ResNet-18, smallest ratio of the seeds", bytes_ratio, bytes_ratio, bytes_ratio,
         ">= 20", bytes_ratio >= 20),
        ("lower latency than the fp32 ResNet-18, one thread, median ratio", float(np.median(faster)), min(faster),
         max(faster), f">= 8; {np.median(first['ours_ms']):.2f} against {np.median(first['reference_ms']):.2f} ms",
         float(np.median(faster)) >= 8),
    ]  # fmt: skip
    for what, value, low, high, target, met in rows:
        record("compression", Figure(figure=f"whole recipe, {study}: {what}", value=value, low=low, high=high,
                                     target=target, met=met, command=command, seeds=seeds))  # fmt: skip
    if "dense_ms" in first:
        _twin(study, first, command)
    return all(row[-1] for row in rows)


def _twin(study: str, cell: dict[str, Any], command: str) -> None:
    """The pruned file beside its dense twin, both int8."""
    turns = (cell["dense_ms"].reshape(N_TURNS, -1), cell["ours_ms"].reshape(N_TURNS, -1))
    ratios = np.median(turns[0], axis=1) / np.median(turns[1], axis=1)
    value = float(np.median(cell["dense_ms"]) / np.median(cell["ours_ms"]))
    record("compression", Figure(
        figure=f"pruned {FACTOR}x, {study}: dense twin's latency over the pruned file's, int8, median, range of turns",
        value=value, low=float(ratios.min()), high=float(ratios.max()), target=">= 2.5", met=value >= 2.5,
        command=command, seeds=(0,),
    ))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", default=",".join(TABLE), help=f"some of {', '.join(STUDIES)}")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--only-rows", action="store_true", help="write the rows of the cells that are there")
    asked = parser.parse_args()
    CELLS.mkdir(parents=True, exist_ok=True)
    studies, seeds = asked.studies.split(","), tuple(int(seed) for seed in asked.seeds.split(","))
    for seed in () if asked.only_rows else seeds:
        for study in studies:
            if not (cell := Cell(study=study, seed=seed)).path.is_file():
                run_cell(cell)
                print(f"{cell.path.stem} done", flush=True)
    summarize(studies)


if __name__ == "__main__":
    main()
