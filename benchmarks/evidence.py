"""The statistics against independent implementations, in simulation, and against the clock.

``python -m benchmarks.evidence`` (resumes cell by cell; ``--only agreement,coverage,errors,speed``), one core.
"""

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.files import write_atomic
from benchmarks.agreement import largest_differences
from benchmarks.coverage import N_REPEATS, SETTINGS, run_setting
from benchmarks.ledger import RESULTS, Figure, record
from benchmarks.verdict_errors import DESIGNS, run_design

CELLS = Path(__file__).parent / ".cells"
COMMAND = "python -m benchmarks.evidence"
ENOUGH_ILL = 10
"""Ill patients on average from which an interval is asked to reach its nominal cover."""


def forget(start: str) -> None:
    """Take the rows whose names begin so out of the ledger, before they are written anew."""
    path = RESULTS / "evidence.json"
    rows = [row for row in json.loads(path.read_text()) if not row["figure"].startswith(start)]
    write_atomic(path, (json.dumps(rows, indent=1) + "\n").encode())


def write(figure: str, value: float, low: float, high: float, target: str, met: bool) -> None:
    record(
        "evidence",
        Figure(figure=figure, value=value, low=low, high=high, target=target, met=met, command=COMMAND, seeds=(0,)),
    )


def cell(name: str, make) -> dict[str, Any]:
    """Find a finished cell, or make it and keep it."""
    path = CELLS / f"evidence-{name}.json"
    if not path.is_file():
        write_atomic(path, json.dumps(make(), indent=1).encode())
        print(f"cell {name}", flush=True)
    return json.loads(path.read_text())


def agreement() -> None:
    """Largest difference from each independent implementation, over random and tied data."""
    found = largest_differences()
    forget("agreement: ")
    for name, (difference, tolerance) in found.items():
        write(f"agreement: {name}, largest difference", difference, 0.0, difference, f"<= {tolerance:g}",
              difference <= tolerance)  # fmt: skip


def coverage() -> None:
    """Cover of every interval: mean, lowest and highest over cells, where ill patients suffice and where they don't."""
    cells = [cell(setting.name, lambda s=setting: run_setting(s)) for setting in SETTINGS]
    forget("coverage of ")
    for figure in cells[0]["figures"]:
        for enough in (True, False):
            chosen = [c for c in cells if (c["setting"]["n_ill_expected"] >= ENOUGH_ILL) == enough]
            covers = [c["figures"][figure]["cover"] for c in chosen]
            covers = [x for x in covers if x == x]
            where = f"{'at least' if enough else 'fewer than'} {ENOUGH_ILL} ill patients expected"
            of = f"(mean, lowest and highest of {len(covers)} cells, {N_REPEATS:,} repeats each)"
            target = "0.93 to 0.97 in every cell"
            if not enough:
                target += "; where a share takes a handful of values a method can only promise the lower bound"
            write(f"coverage of {figure}, {where} {of}", float(np.mean(covers)), min(covers), max(covers), target,
                  all(0.93 <= x <= 0.97 for x in covers))  # fmt: skip
            if not enough:
                write(f"coverage of {figure}, {where}: lowest", min(covers), min(covers), min(covers),
                      ">= 0.93: never a silently wrong interval", min(covers) >= 0.93)  # fmt: skip


def errors() -> None:
    """Share of PASS where the true difference is just the margin."""
    found_of = {design: cell(f"errors-{design.name}", lambda d=design: run_design(d)) for design in DESIGNS}
    forget("type-I error of ")
    for design, found in found_of.items():
        write(f"type-I error of {found['verdict']}, {design.words}",
              found["error"], found["low"], found["high"], f"<= {found['ceiling']}",
              found["error"] <= found["ceiling"])  # fmt: skip


def speed() -> None:
    """Every figure of 10,000 images x 14 labels with 2,000 resamples: seconds of one core, and peak memory."""
    from bedside.verify.diagnostics import diagnose_labels

    rng = np.random.default_rng(0)
    n, n_labels = 10_000, 14
    truth = rng.random((n, n_labels)) < np.linspace(0.01, 0.4, n_labels)
    probability = 1 / (1 + np.exp(-(rng.normal(size=(n, n_labels)) + 2 * truth - 2)))
    units = [f"p{i // 3}" for i in range(n)]
    begun = time.process_time()
    thresholds = {f"label {k}": 0.5 for k in range(n_labels)}
    found = diagnose_labels(truth, probability, thresholds, units=units, n_resamples=2000, seed=0)
    spent = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = sum(len(label.metrics) for label in found.labels.values()) + len(found.averages)
    what = f"full evidence, 10,000 images x 14 labels, 2,000 resamples, {figures} estimates"
    write(f"{what}: seconds of one core", spent, spent, spent, "<= 60", spent <= 60)
    write(f"{what}: peak memory of the process, MiB", peak, peak, peak, "<= 1024", peak <= 1024)


PARTS = {"speed": speed, "agreement": agreement, "errors": errors, "coverage": coverage}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="comma-separated: " + ", ".join(PARTS))
    parser.add_argument("--fresh", action="store_true", help="forget finished cells")
    asked = parser.parse_args()
    CELLS.mkdir(exist_ok=True)
    if asked.fresh:
        for path in CELLS.glob("evidence-*.json"):
            path.unlink()
    for name in asked.only.split(","):
        PARTS[name]()


if __name__ == "__main__":
    main()
