"""Search against random search at equal trials: ``python -m benchmarks.search`` (resumes cell by cell).

One supernet is fitted once; milliseconds come from a predictor that learned from ONNX files measured on this machine
(the same function for every sampler, so that noise favours nobody); size is counted. Each sampler then has the same
number of trials in each repeat. The reference point is fixed before any trial: an AUROC of 0.5, and the dearest of a
sample of the space. The winner of each search is fitted anew on its own, and scored once on the test part.
"""

import argparse
import json
import math
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.budget import Budget
from bedside.base.digest import digest_array, digest_file
from bedside.base.files import write_atomic
from bedside.base.journal import Journal
from bedside.compress.latency_predictor import CostPredictor, learn_costs
from bedside.compress.quantization import QuantizationPlan
from bedside.compress.search.brief import SearchPlan, Tools
from bedside.compress.search.engine import SearchResult, search
from bedside.compress.search.goals import Goals
from bedside.compress.search.journal import open_journal
from bedside.compress.search.sketching import ELASTIC, Frame
from bedside.compress.search.space import Point, sampled
from bedside.compress.search.spaces import space_for
from bedside.compress.search.supernet import SharedOracle
from bedside.runtime.devices import device_named
from bedside.train.elastic_space import ElasticSpace
from bedside.train.plan import TrainPlan
from bedside.verify.intervals import bootstrap, resamples
from bedside.verify.metrics import softmax
from bedside.verify.noninferiority import auroc_of
from benchmarks.compression.studies import Material, gathered, monitor_of
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells" / "search"
STUDY, SIDE_PX = "pneumonia28", 28
SUPERNET_IMAGES, WINNER_IMAGES, N_FILES = 100_000, 20_000, 28
SAMPLERS = ("random", "tpe", "nsga2")
SPACE = ElasticSpace(
    kinds=("inverted", "residual"), expansions=(1, 2, 3, 4), widths=((8, 16, 24), (16, 24, 32, 40), (24, 40, 56, 72)),
    attentions=("none", "se", "eca"), exit_points=(2,),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every search of the table shares."""

    material: Material
    frame: Frame
    oracle: SharedOracle
    latency: CostPredictor
    goals: Goals

    def costs(self, point: Point) -> dict[str, float]:
        """Predict milliseconds, count the rest."""
        features = self.frame.features(point)
        ms = self.latency.predict(features).value
        return self.frame.paper(features) | {"latency_p50_ms": ms, "latency_ms": ms}


def set_up() -> Desk:
    """Load the data, fit the supernet and measure files, each once."""
    material = gathered(STUDY)
    frame = framed(material, SPACE)
    oracle, latency = oracle_of(material, frame, CELLS / "shared.safetensors"), _latency(material, frame)
    guesses = [latency.predict(frame.features(p)).value for p in sampled(_space(), 40)]
    sizes = [frame.paper(frame.features(p))["size_kib"] for p in sampled(_space(), 40)]
    goals = Goals(
        costs=("latency", "size"), budget=Budget(), quality_floor=0.5,
        worst={"latency_p50_ms": max(guesses), "size_kib": max(sizes)},
        best={"latency_p50_ms": min(guesses), "size_kib": min(sizes)},
    )  # fmt: skip
    return Desk(material=material, frame=frame, oracle=oracle, latency=latency, goals=goals)


def framed(material: Material, space: ElasticSpace) -> Frame:
    """What the trials of a space share: the plan is that of a network fitted on its own."""
    n_epochs = math.ceil(WINNER_IMAGES / len(material.data.development))
    plan = TrainPlan(n_epochs=n_epochs, learning_rate=3e-3, patience=n_epochs, n_views=4, seed=0)
    return Frame(
        spec=material.data.preprocess.spec, n_classes=material.task.n_classes, plan=plan, device=device_named("host"),
        elastic=space,
    )  # fmt: skip


def _space() -> Any:
    return space_for([ELASTIC], [SIDE_PX], elastic=SPACE)


def oracle_of(material: Material, frame: Frame, path: Path) -> SharedOracle:
    """The supernet of a frame's space; fitted where its file is not there."""
    from safetensors.torch import load, save

    from bedside.train.shared_weights import SharedPlan, fit_shared, shared_weights

    assert frame.elastic is not None
    space, data = frame.elastic, {SIDE_PX: material.data}
    if not path.is_file():
        held = shared_weights(space, frame.spec, frame.n_classes, seed=0)
        fit_shared(held, space, data, SharedPlan(n_images=SUPERNET_IMAGES), frame.plan, on_step=_say)
        write_atomic(path, save({name: value.detach() for name, value in held.items()}))
    return SharedOracle(
        shared=load(path.read_bytes()), data=data, monitor=monitor_of(material.task), weights=digest_file(path)
    )  # fmt: skip


def _say(step: int, n_steps: int, loss: float) -> None:
    if step % 200 == 0:
        print(f"supernet {step}/{n_steps}, loss {loss:.3f}", flush=True)


def _latency(material: Material, frame: Frame) -> CostPredictor:
    """Learn milliseconds from files that were measured once."""
    from bedside.export.converting import ExportJob, convert
    from bedside.runtime.session import open_session
    from bedside.train.architecture import build
    from bedside.verify.profiling import time_session

    path = CELLS / "milliseconds.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    observed = material.data.preprocess.normalize(material.data.development[:8])
    points = sampled(_space(), N_FILES - 2, seed=1)
    for number, point in enumerate(points):
        if str(number) in known:
            continue
        with tempfile.TemporaryDirectory() as place:
            job = ExportJob(
                model=build(frame.recipe(point).architecture, seed=0).eval(), spec=frame.spec,
                n_classes=frame.n_classes,
                plan=QuantizationPlan(n_observed=8, observation=digest_array(observed)), observed=observed,
                folder=Path(place),
            )  # fmt: skip
            (artifact,) = convert(job, "onnx", ("int8",))
            times = time_session(open_session(artifact, Path(place)), observed[0], n_runs=300)
        known[str(number)] = float(np.median(times))
        write_atomic(path, json.dumps(known).encode())
        print(f"file {number}: {known[str(number)]:.3f} ms", flush=True)
    return learn_costs([frame.features(p) for p in points], [known[str(n)] for n in range(len(points))])


def run_cell(desk: Desk, sampler: Any, repeat: int, n_trials: int) -> SearchResult:
    """Search once; a journal that is there goes on."""
    folder = CELLS / f"{sampler}-{repeat}-{n_trials}"
    journal = open_journal(folder, _space(), desk.goals, sampler=sampler, seed=repeat)
    tools = Tools(
        frame=desk.frame, goals=desk.goals, oracle=desk.oracle, answers=Journal(folder=CELLS / "answers"),
        measure=lambda recipe, point: desk.costs(point),
    )  # fmt: skip
    plan = SearchPlan(n_trials=n_trials, n_design=n_trials, n_measured=n_trials, patience=n_trials)
    return search(journal, plan, tools)


def winner_of(desk: Desk, result: SearchResult, sampler: str, repeat: int) -> dict[str, Any]:
    """Fit the best of the front on its own and score it on the test part; kept in a file."""
    from bedside.train.architecture import build
    from bedside.train.fitting import fit, logits_of

    path = CELLS / f"winner-{sampler}-{repeat}-{len(result.trials)}.npz"
    if not path.is_file():
        trial = result.trial(result.front[0])
        recipe = desk.frame.recipe(trial.point)
        recipe = replace(recipe, plan=replace(recipe.plan, seed=repeat))
        data, monitor = desk.material.data, monitor_of(desk.material.task)
        model, _ = fit(build(recipe.architecture, seed=repeat), recipe.plan, data, monitor=monitor)
        outputs = softmax(logits_of(model, desk.material.test, data.preprocess))
        with path.open("wb") as stream:
            np.savez(stream, probabilities=outputs, ms=trial.costs["latency_p50_ms"].value,
                     kib=trial.costs["size_kib"].value, family=recipe.architecture.family)  # fmt: skip
    with np.load(path, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}


def summarize(desk: Desk, found: dict[str, list[SearchResult]], n_trials: int) -> None:
    """One row a sampler: repeats in which its hypervolume is above that of random search."""
    command = f"python -m benchmarks.search --trials {n_trials}"
    error = 100 * desk.latency.error_frac
    for sampler in [name for name in found if name != "random"]:
        ours = np.array([result.gains[-1] for result in found[sampler]])
        rival = np.array([result.gains[-1] for result in found["random"]])
        wins, gaps = int((ours > rival).sum()), ours - rival
        record("compression", Figure(
            figure=f"{STUDY}: {sampler} against random search, {n_trials} trials each, supernet AUROC on tuning x ONNX "
            "int8 latency (predicted) x size: repeats with the higher hypervolume",
            value=float(wins), low=float(gaps.min()), high=float(gaps.max()),
            target=f">= {math.ceil(0.8 * len(ours))} of {len(ours)}; mean {ours.mean():.4f} against "
            f"{rival.mean():.4f}; band: smallest and largest gap; predictor's median error {error:.0f} %",
            met=wins >= 0.8 * len(ours), command=command, seeds=tuple(range(len(ours))),
        ))  # fmt: skip


def summarize_winners(desk: Desk, found: dict[str, list[SearchResult]], n_trials: int) -> None:
    """One row a sampler: test AUROC of the networks that its searches chose, fitted on their own."""
    labels, units = desk.material.test_labels, list(desk.material.test_units)
    draws = resamples([str(unit) for unit in units], n_resamples=500, seed=0)
    for sampler, results in found.items():
        winners = [winner_of(desk, result, sampler, repeat) for repeat, result in enumerate(results)]
        bands = [
            bootstrap(
                lambda rows, w=w: auroc_of(desk.material.task, labels[rows], w["probabilities"][rows]), draws,
                n_rows=len(labels), n_patients=len(set(units)),
            )
            for w in winners
        ]  # fmt: skip
        cost = f"{np.mean([w['ms'] for w in winners]):.3f} ms, {np.mean([w['kib'] for w in winners]):.0f} KiB int8"
        record("compression", Figure(
            figure=f"{STUDY}: networks chosen by {sampler} search ({n_trials} trials; highest tuning score; "
            f"mean {cost}; fitted on {WINNER_IMAGES} images): test AUROC, mean of repeats, mean 95 % interval",
            value=float(np.mean([b.value for b in bands])), low=float(np.mean([b.low for b in bands])),
            high=float(np.mean([b.high for b in bands])), target="none, for comparison", met=True,
            command=f"python -m benchmarks.search --trials {n_trials}", seeds=tuple(range(len(winners))),
        ))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    parser.add_argument("--no-winners", action="store_true", help="leave out the fits of the chosen networks")
    asked = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    CELLS.mkdir(parents=True, exist_ok=True)
    desk = set_up()
    found: dict[str, list[SearchResult]] = {}
    for sampler in asked.samplers.split(","):
        for repeat in range(asked.repeats):
            result = run_cell(desk, sampler, repeat, asked.trials)
            found.setdefault(sampler, []).append(result)
            print(f"{sampler} {repeat}: hypervolume {result.gains[-1]:.4f}, front {len(result.front)}", flush=True)
    summarize(desk, found, asked.trials)
    if not asked.no_winners:
        summarize_winners(desk, found, asked.trials)


if __name__ == "__main__":
    main()
