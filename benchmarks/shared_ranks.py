"""Do shared weights rank networks as fits do? ``python -m benchmarks.shared_ranks`` (resumes cell by cell).

Networks are drawn evenly from a space. Each is scored twice on tuning data: cut out of the supernet, and fitted on its
own, by one small plan. Rank correlations are of those scores; intervals are bootstraps over the networks. The test part
is not looked at. Fits from two seeds say how far a fit agrees with itself: no proxy can be expected to do better.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau, spearmanr

from bedside.base.estimate import Estimate
from bedside.base.files import write_atomic
from bedside.compress.recipe import Recipe
from bedside.compress.search.sketching import ELASTIC, Frame
from bedside.train.elastic_space import ElasticSpace
from bedside.train.genome import ATTENTIONS, KINDS, Genome
from bedside.verify.intervals import bootstrap, resamples
from benchmarks import search
from benchmarks.compression.studies import Material, gathered, monitor_of
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells" / "shared_ranks"
N_NETWORKS, ALONE_IMAGES, DRAW_SEED = 14, 6_000, 7
SPACES = {
    "two blocks": (search.SPACE, search.CELLS / "shared.safetensors"),
    "five blocks": (replace(search.SPACE, kinds=KINDS, attentions=ATTENTIONS), CELLS / "five-blocks.safetensors"),
}
"""Spaces that differ in blocks and gates alone, and where their supernets lie."""

COEFFICIENTS: dict[str, Callable[[Any, Any], Any]] = {"Kendall's tau": kendalltau, "Spearman's rho": spearmanr}


def drawn(space: ElasticSpace) -> tuple[Genome, ...]:
    """The networks: distinct ones, drawn evenly."""
    rng, found = np.random.default_rng(DRAW_SEED), dict[Genome, None]()
    while len(found) < N_NETWORKS:
        found[space.sample(rng)] = None
    return tuple(found)


def _recipe(frame: Frame, genome: Genome) -> Recipe:
    assert frame.elastic is not None
    return frame.recipe({"family": ELASTIC, **frame.elastic.genes_of(genome)})


def shared_scores(name: str, material: Material) -> list[float]:
    """Tuning AUROC of every network with shared weights; the supernet is fitted where its file is not there."""
    space, weights = SPACES[name]
    path, frame = CELLS / f"{name.replace(' ', '-')}-shared.json", search.framed(material, space)
    oracle = search.oracle_of(material, frame, weights)
    known = json.loads(path.read_text()) if path.is_file() else {}
    if known.get("weights") != oracle.weights:
        scores = [oracle.quality(_recipe(frame, genome)) for genome in drawn(space)]
        known = {"weights": oracle.weights, "scores": scores}
        write_atomic(path, json.dumps(known).encode())
    return known["scores"]


def alone_score(name: str, genome: Genome, seed: int, material: Material) -> float:
    """Tuning AUROC of a network that was fitted on its own; kept in a file."""
    from bedside.train.architecture import build
    from bedside.train.fitting import fit, logits_of

    path = _cell(name, genome, seed)
    if path.is_file():
        return json.loads(path.read_text())["auroc"]
    data, frame = material.data, search.framed(material, SPACES[name][0])
    n_epochs = math.ceil(ALONE_IMAGES / len(data.development))
    plan = replace(frame.plan, n_epochs=n_epochs, patience=n_epochs, seed=seed)
    monitor = monitor_of(material.task)
    begun = time.process_time()
    model, _ = fit(build(_recipe(frame, genome).architecture, seed=seed), plan, data, monitor=monitor)
    auroc = monitor(data.tuning_targets, logits_of(model, data.tuning, data.preprocess))
    cpu_s = time.process_time() - begun
    write_atomic(path, json.dumps({"auroc": auroc, "cpu_s": cpu_s}).encode())
    print(f"{name}, seed {seed}, {genome.text}: {auroc:.4f}, {cpu_s:.0f} s", flush=True)
    return auroc


def _cell(name: str, genome: Genome, seed: int) -> Path:
    return CELLS / f"{name.replace(' ', '-')}-{genome.text}-{seed}.json"


def correlation(coefficient: Callable[[Any, Any], Any], one: np.ndarray, other: np.ndarray) -> Estimate:
    """A rank correlation of two scores ``(n,)`` of the same networks, its interval by resampling networks."""
    n = len(one)
    return bootstrap(
        lambda rows: float(coefficient(one[rows], other[rows]).statistic),
        resamples([str(i) for i in range(n)], seed=0), n_rows=n, n_patients=n,
    )  # fmt: skip


def summarize(name: str, seeds: list[int], material: Material) -> None:
    """Write a row for each coefficient, and one for how far two seeds of fits agree."""
    space, shared = SPACES[name][0], np.array(shared_scores(name, material))
    done = [seed for seed in seeds if all(_cell(name, genome, seed).is_file() for genome in drawn(space))]
    if not done:
        return
    alone = np.array([[alone_score(name, genome, seed, material) for genome in drawn(space)] for seed in done])
    told = (
        f"{N_NETWORKS} networks of {len(space.kinds)} blocks and {len(space.attentions)} gates, tuning AUROC, supernet "
        f"of {search.SUPERNET_IMAGES:,} images, fits of {ALONE_IMAGES:,} images"
    )
    best, chosen = alone.mean(0).max(), alone.mean(0)[shared.argmax()]
    for title, coefficient in COEFFICIENTS.items():
        found = correlation(coefficient, shared, alone.mean(0))
        _row(
            f"shared weights, {search.STUDY}: {title} with networks fitted alone ({told})", found,
            f"> 0; the network that shared weights put first reached {chosen:.4f} alone, the best {best:.4f}, "
            f"the mean {alone.mean():.4f}", done, met=found.low > 0,
        )  # fmt: skip
    if len(done) > 1:
        found = correlation(kendalltau, alone[0], alone[1])
        _row(f"shared weights, {search.STUDY}: Kendall's tau of fits from two seeds ({told})", found,
             "none, for comparison", done, met=True)  # fmt: skip


def _row(figure: str, found: Estimate, target: str, seeds: list[int], *, met: bool) -> None:
    record("compression", Figure(
        figure=figure, value=found.value, low=found.low, high=found.high, target=target, met=met,
        command="python -m benchmarks.shared_ranks", seeds=tuple(seeds),
    ))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spaces", default=",".join(SPACES), help="comma-separated names")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop before the next cell after so much CPU time")
    asked = parser.parse_args()
    for folder in (CELLS, search.CELLS):
        folder.mkdir(parents=True, exist_ok=True)
    material, seeds = gathered(search.STUDY), [int(seed) for seed in asked.seeds.split(",")]
    for name in asked.spaces.split(","):
        shared_scores(name, material)
        for genome, seed in ((genome, seed) for seed in seeds for genome in drawn(SPACES[name][0])):
            if time.process_time() < 60 * asked.minutes:
                alone_score(name, genome, seed, material)
        summarize(name, seeds, material)


if __name__ == "__main__":
    main()
