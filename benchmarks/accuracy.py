"""AUROC, size and flips of shipped models over seeds: ``python -m benchmarks.accuracy`` (resumes cell by cell).

Each cell is one whole ``bedside optimize`` in its own process; what was finished is found again.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.files import write_atomic
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells"
SEEDS = (0, 1, 2)
COMMAND = "python -m benchmarks.accuracy"
IDLE_LOAD = 0.7
"""A cell that began under a higher load average shared its cores, so that its wall time says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A data set, how its leaks are treated, and the AUROC that its shipped model shall reach."""

    name: str
    source: str
    leak_option: str
    target_auroc: float | None
    title: str


STUDIES = (
    Study(name="pneumonia", source="medmnist:pneumoniamnist", leak_option="--drop-leaks", target_auroc=0.950,
          title="PneumoniaMNIST 28 px"),
    Study(name="breast", source="medmnist:breastmnist", leak_option="--allow-leak", target_auroc=0.890,
          title="BreastMNIST 28 px, official parts as published (they leak)"),
    Study(name="breast-clean", source="medmnist:breastmnist", leak_option="--drop-leaks", target_auroc=None,
          title="BreastMNIST 28 px, leaking cases dropped from development"),
)  # fmt: skip


def run_cell(study: Study, seed: int, threads: int) -> dict[str, Any]:
    """Run one cell, or find it finished; returns what its bundle says."""
    done = CELLS / f"{study.name}-{seed}.json"
    if done.is_file():
        return json.loads(done.read_text())
    out = CELLS / f"{study.name}-{seed}"
    load, begun = os.getloadavg()[0], time.monotonic()
    command = [
        sys.executable, "-m", "bedside", "optimize", study.source, study.leak_option, "--preset", "standard",
        "--size-kib", "300", "--seed", str(seed), "--threads", str(threads), "--out", str(out),
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=(CELLS / f"{study.name}-{seed}.log").open("w"))
    found = read_cell(out) | {"seconds": time.monotonic() - begun, "threads": threads, "load_before": load}
    write_atomic(done, json.dumps(found, indent=1).encode())
    return found


def finished(study: Study) -> dict[int, dict[str, Any]]:
    """Finished cells of a study by seed, whoever ran them."""
    paths = {seed: CELLS / f"{study.name}-{seed}.json" for seed in SEEDS}
    return {seed: json.loads(path.read_text()) for seed, path in paths.items() if path.is_file()}


def read_cell(out: Path) -> dict[str, Any]:
    """Read the figures of a finished bundle."""
    evidence = json.loads((out / "evidence" / "evidence.json").read_text())
    manifest = json.loads((out / "manifest.json").read_text())
    trials = json.loads((out / "evidence" / "trials.json").read_text())
    profile = json.loads((out / "evidence" / "profile.json").read_text())
    return {
        "shipped": trials["choice"]["name"],
        "precision": manifest["models"][0]["artifact"]["precision"],
        "auroc": evidence["shipped"]["auroc"],
        "reference_auroc": evidence["reference"]["auroc"],
        "flips_frac": evidence["flips_frac"]["value"],
        "verdict": evidence["non_inferiority"]["verdict"],
        "size_kib": manifest["models"][0]["artifact"]["size_bytes"] / 1024,
        "latency_p50_ms": profile["shipped"]["latency_p50_ms"]["value"],
        "reference_latency_p50_ms": profile["reference"]["latency_p50_ms"]["value"],
        "content_digest": manifest["content_digest"],
    }


def summarize(study: Study, cells: list[dict[str, Any]], seeds: tuple[int, ...]) -> None:
    """Write the rows of a study: means over seeds; the band is the range over seeds, or of the intervals for AUROC."""

    def row(figure: str, values: list[float], target: str, met: bool, band: tuple[float, float] | None = None) -> None:
        low, high = band or (min(values), max(values))
        mean = float(np.mean(values))
        record("main", Figure(figure=f"{study.title}: {figure}", value=mean, low=low, high=high, target=target, met=met,
                              command=COMMAND, seeds=seeds))  # fmt: skip

    aurocs = [cell["auroc"]["value"] for cell in cells]
    band = (float(np.mean([c["auroc"]["low"] for c in cells])), float(np.mean([c["auroc"]["high"] for c in cells])))
    target = study.target_auroc
    met = target is None or float(np.mean(aurocs)) >= target
    title = "AUROC of the shipped int8 LiteRT model, mean of seeds, mean 95 % interval"
    row(title, aurocs, f">= {target}" if target else "none, for comparison", met, band)
    sizes = [cell["size_kib"] for cell in cells]
    row("size of the shipped file, KiB", sizes, "<= 300", max(sizes) <= 300)
    flips = [cell["flips_frac"] for cell in cells]
    row(
        "decision flips of int8 against its own fp32 on the test, fraction, mean of seeds",
        flips,
        "<= 0.01",
        float(np.mean(flips)) <= 0.01,
    )
    references = [cell["reference_auroc"]["value"] for cell in cells]
    row("AUROC of the fp32 reference, mean of seeds", references, "none, for comparison", True)
    ratios = [cell["reference_latency_p50_ms"] / cell["latency_p50_ms"] for cell in cells]
    row("latency ratio, reference fp32 over shipped int8, one thread", ratios, "none, for comparison", True)
    undisturbed = [cell for cell in cells if cell["threads"] == 2 and cell.get("load_before", 9) < IDLE_LOAD]
    if study.name == "pneumonia" and undisturbed:
        minutes = [cell["seconds"] / 60 for cell in undisturbed]
        row("wall time of the standard preset, two idle cores, minutes", minutes, "<= 30", max(minutes) <= 30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", default=",".join(s.name for s in STUDIES), help="comma-separated")
    parser.add_argument(
        "--seeds", default=",".join(map(str, SEEDS)), help="comma-separated; rows cover what is finished"
    )
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    CELLS.mkdir(exist_ok=True)
    for study in (s for s in STUDIES if s.name in asked.studies.split(",")):
        for seed in (seed for seed in SEEDS if str(seed) in asked.seeds.split(",")):
            run_cell(study, seed, asked.threads)
            cells = finished(study)
            summarize(study, list(cells.values()), tuple(cells))


if __name__ == "__main__":
    main()
