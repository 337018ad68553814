"""Light blocks and gates at equal work and equal training: ``python -m benchmarks.blocks`` (resumes cell by cell).

Three stages of two blocks each; widths and expansions are such that networks of different blocks, as shipped, need
about 0.76 million multiply-accumulates at 28 px and have files of about the same size. A gate is put into the network
that its block has without one, and costs what it costs. All see the same images in the same order by the same plan; the
weights are those of the best epoch on tuning data, and the test part is read once, by the fp32 network and by its int8
file.
"""

import argparse
import io
import json
import math
import time
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.files import write_atomic
from bedside.train.genome import ATTENTIONS, KINDS, Genome
from bedside.verify.metrics import softmax
from bedside.verify.noninferiority import auroc_of
from benchmarks.compression.pruning import mean_estimate
from benchmarks.compression.studies import Material, dense_plan, gathered, monitor_of
from benchmarks.exporting import exported
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells" / "blocks"
TABLE = ("pneumonia28", "nodule32")
N_IMAGES, N_TURNS, N_RUNS = 6_000, 15, 100
FORMAT = "onnx"
SIZES = {
    "inverted": (3, (16, 24, 40)),
    "ghost": (3, (24, 32, 56)),
    "fire": (4, (32, 56, 88)),
    "rep": (3, (40, 56, 96)),
    "residual": (2, (16, 24, 32)),
}
"""Expansion and widths of each block's network: 0.74 to 0.79 MMACs at 28 px."""

RIVAL = ("inverted", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One network of one data set and seed."""

    study: str
    block: str
    gate: str
    seed: int

    @property
    def genome(self) -> Genome:
        """The network."""
        expansion, widths = SIZES[self.block]
        return Genome(
            kinds=(self.block,) * 3, kernels_px=(3,) * 3, expansions=(expansion,) * 3, depths=(2,) * 3, widths=widths,
            attentions=(self.gate,) * 3,
        )  # fmt: skip

    @property
    def path(self) -> Path:
        """Its file; the folder of its files that ship has the same name without an ending."""
        return CELLS / f"{self.study}-{self.block}-{self.gate}-{self.seed}.npz"

    @property
    def shipped(self) -> Path:
        """Folder of its int8 file."""
        return self.path.with_suffix("")


def run_cell(cell: Cell, material: Material) -> None:
    """Fit, write the int8 file, answer the test with both, and write the cell."""
    from bedside.compress.cost import count_cost
    from bedside.runtime.devices import device_named
    from bedside.runtime.session import logits, open_session
    from bedside.train.architecture import Architecture, build
    from bedside.train.fitting import fit, logits_of

    data, task, begun = material.data, material.task, time.process_time()
    spec = data.preprocess.spec
    architecture = Architecture(family=cell.genome.family, width=1.0, spec=spec, n_classes=task.n_classes)
    n_epochs = math.ceil(N_IMAGES / len(data.development))
    plan = replace(dense_plan(material, cell.seed), n_epochs=n_epochs, patience=n_epochs)
    model, _ = fit(build(architecture, seed=cell.seed), plan, data, monitor=monitor_of(task))
    cost = count_cost(architecture, device_named("host"))
    (artifact,) = exported(model, spec, task.n_classes, material.observed, cell.shipped, ("int8",), FORMAT)
    session = open_session(artifact, cell.shipped)
    fp32 = softmax(logits_of(model, material.test, data.preprocess))
    int8 = softmax(logits(session, data.preprocess.normalize(material.test)))
    buffer = io.BytesIO()
    np.savez(
        buffer, probabilities=fp32, int8_probabilities=int8, labels=material.test_labels,
        units=np.array(material.test_units), task=material.told, n_bytes=artifact.size_bytes, mmacs=cost.mmacs,
        n_parameters=cost.n_parameters, auroc=auroc_of(task, material.test_labels, fp32),
        cpu_s=time.process_time() - begun,
    )  # fmt: skip
    write_atomic(cell.path, buffer.getvalue())


def take_turns(study: str, ways: list[tuple[str, str]], material: Material) -> dict[str, list[float]]:
    """Milliseconds of the int8 files of seed 0, medians of turns in one process; measured once, kept in a file."""
    from bedside.base.digest import digest_file
    from bedside.runtime.artifact import Artifact
    from bedside.runtime.session import open_session
    from bedside.verify.profiling import time_session

    cells = {f"{block}-{gate}": Cell(study=study, block=block, gate=gate, seed=0) for block, gate in ways}
    cells = {name: cell for name, cell in cells.items() if cell.path.is_file()}
    path = CELLS / f"{study}-milliseconds.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    if set(known) == set(cells):
        return known
    sessions = {}
    for name, cell in cells.items():
        (file,) = cell.shipped.glob("*." + FORMAT)
        artifact = Artifact(
            format=FORMAT, precision="int8", file=file.name, digest=digest_file(file), size_bytes=file.stat().st_size,
            spec=material.data.preprocess.spec, n_classes=material.task.n_classes,
        )  # fmt: skip
        sessions[name] = open_session(artifact, cell.shipped)
    image, found = material.observed[0], {name: [] for name in sessions}
    for _, (name, session) in product(range(N_TURNS), sessions.items()):
        found[name].append(float(np.median(time_session(session, image, n_runs=N_RUNS))))
    write_atomic(path, json.dumps(found).encode())
    return found


def summarize(study: str, ways: list[tuple[str, str]], seeds: list[int], material: Material) -> None:
    """Write the rows of a data set: one a network, over its finished seeds."""
    times, done = take_turns(study, ways, material), {}
    for block, gate in ways:
        paths = {seed: Cell(study=study, block=block, gate=gate, seed=seed).path for seed in seeds}
        if held := {seed: dict(np.load(path)) for seed, path in paths.items() if path.is_file()}:
            done[block, gate] = held
    for (block, gate), held in done.items():
        rival = RIVAL if gate == "none" else (block, "none")
        shared = {seed: held[seed] for seed in held if seed in done.get(rival, {})}
        gap = mean_estimate(shared, {seed: done[rival][seed] for seed in shared}) if shared else None
        _row(study, (block, gate), held, times.get(f"{block}-{gate}", []), None if (block, gate) == RIVAL else gap)


def _row(study: str, way: tuple[str, str], held: dict[int, dict[str, Any]], turns: list[float], gap: Any) -> None:
    block, gate = way
    first, mean = next(iter(held.values())), mean_estimate(held)
    as_int8 = {seed: cell | {"probabilities": cell["int8_probabilities"]} for seed, cell in held.items()}
    loss = mean_estimate(held, as_int8)
    against = "inverted" if gate == "none" else f"{block} without a gate"
    told = f"paired difference from {against} {_signed(gap)}; " if gap else ""
    genome = Cell(study=study, block=block, gate=gate, seed=0).genome
    record("compression", Figure(
        figure=f"blocks, {study}: {block}, gate {gate} ({genome.text}, {float(first['mmacs']):.2f} MMACs, "
        f"{int(first['n_parameters']):,} weights, {N_IMAGES:,} images): test AUROC, mean of seeds",
        value=mean.value, low=mean.low, high=mean.high,
        target=f"none, for comparison; {told}int8 loses {_signed(loss)}; {FORMAT} int8 {int(first['n_bytes']):,} B, "
        f"{np.median(turns):.4f} ms ({min(turns):.4f} to {max(turns):.4f}, in turn)",
        met=True, command=f"python -m benchmarks.blocks --studies {study}", seeds=tuple(held),
    ))  # fmt: skip


def _signed(found: Any) -> str:
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", default=",".join(TABLE), help="comma-separated names")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--gated", default="inverted", help="blocks that are tried with every gate, comma-separated")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop before the next cell after so much CPU time")
    asked = parser.parse_args()
    gated, seeds = asked.gated.split(","), [int(seed) for seed in asked.seeds.split(",")]
    ways = [(block, gate) for gate, block in product(ATTENTIONS, KINDS) if gate == "none" or block in gated]
    CELLS.mkdir(parents=True, exist_ok=True)
    for study in asked.studies.split(","):
        material = gathered(study)
        for seed, (block, gate) in product(seeds, ways):
            cell = Cell(study=study, block=block, gate=gate, seed=seed)
            if cell.path.is_file() or time.process_time() > 60 * asked.minutes:
                continue
            run_cell(cell, material)
            with np.load(cell.path) as found:
                print(f"{cell.path.stem}: {float(found['auroc']):.4f}, {float(found['cpu_s']):.0f} s", flush=True)
        summarize(study, ways, seeds, material)


if __name__ == "__main__":
    main()
