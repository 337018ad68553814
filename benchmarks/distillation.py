"""Distillation and parameter sharing at one budget: ``python -m benchmarks.distillation`` (resumes cell by cell).

A cell is one way and seed on PneumoniaMNIST at 28 px: a small student is fitted on the same number of images in every
cell, scored once on the test part, and written when it ends. Ways of sharing are also exported, first seed only, and
their files weighed: as they lie on disk, and as they are packed in a bundle.
"""

import argparse
import io
import json
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.files import write_atomic
from bedside.base.task import Task
from bedside.data.augment import Augment
from bedside.verify.intervals import bootstrap, resamples
from bedside.verify.metrics import softmax
from bedside.verify.noninferiority import auroc_of, compare_aurocs
from benchmarks.compression.studies import Material, gathered
from benchmarks.exporting import exported
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells" / "distillation"
STUDY = "pneumonia28"
TEACHER_IMAGES, STUDENT_IMAGES = 24_000, 20_000
"""Images seen by the fit of a teacher and of a student."""

STUDENT, TEACHER = ("residual", 0.25), ("residual", 1.25)
FORMATS = ("litert", "executorch", "onnx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a student is made: its network and steps, its teachers, and whether its files are weighed.

    `extra_frac` says how many epochs the steps after the first take, as a share of the plan's.
    """

    steps: tuple[Any, ...]
    family: str = STUDENT[0]
    width: float = STUDENT[1]
    n_teachers: int = 1
    is_weighed: bool = False
    extra_frac: float = 0.0


def _call(name: str, **options: Any) -> Any:
    from bedside.compress.recipe import StepCall

    return StepCall(step=name, options=options)


def ways() -> dict[str, Way]:
    """All of them, by name."""
    distilled = {
        "labels": Way(steps=("distil",), n_teachers=0),
        "soft targets": Way(steps=("distil",)),
        "ensemble of 3": Way(steps=("distil",), n_teachers=3),
        "attention": Way(steps=(_call("distil", kind="attention"),)),
        "hints": Way(steps=(_call("distil", kind="hints"),)),
        "relational": Way(steps=(_call("distil", kind="relational"),)),
        "born again": Way(steps=("distil", "self_distil"), n_teachers=0, extra_frac=1.0),
        "deep to shallow": Way(steps=(_call("self_distil", kind="deep_to_shallow"),), n_teachers=0),
    }
    dense = Way(steps=("distil",), family="residual", width=0.5, is_weighed=True)
    few, fewer = _call("cluster", n_centroids=16), _call("cluster", n_centroids=4)
    shared = {
        "dense": dense,
        "16 centroids": replace(dense, steps=("distil", few), extra_frac=0.1),
        "4 centroids": replace(dense, steps=("distil", fewer), extra_frac=0.1),
        "low rank": replace(dense, steps=("distil", _call("low_rank", energy_frac=0.9)), extra_frac=0.25),
        "recursive:3": replace(dense, family="recursive:3", width=1.0),
        "recursive:3+unshared": replace(dense, family="recursive:3+unshared", width=1.0),
    }
    return distilled | shared


def _cell(name: str, seed: int) -> Path:
    return CELLS / f"{name.replace(' ', '-').replace(':', '-').replace(',', '')}-{seed}.npz"


def _plan(material: Material, n_images: int, seed: int, extra_frac: float = 0.0, n_views: int = 4) -> Any:
    """Plan a fit over so many images; steps that follow take `extra_frac` of its epochs out of the same budget."""
    from bedside.train.plan import TrainPlan

    n_epochs = max(2, round(n_images / len(material.data.development) / (1 + extra_frac)))
    return TrainPlan(
        n_epochs=n_epochs, learning_rate=3e-3, patience=n_epochs, n_views=n_views, seed=seed,
        augment=Augment(flip_prob=0.5 if material.may_flip else 0.0),
    )  # fmt: skip


def _network(family: str, width: float, material: Material) -> Any:
    from bedside.train.architecture import Architecture

    spec = material.data.preprocess.spec
    return Architecture(family=family, width=width, spec=spec, n_classes=material.task.n_classes)


def _monitor(task: Task) -> Callable[[Any, Any], float]:
    return lambda labels, logits: auroc_of(task, labels, softmax(logits))


def teacher_of(seed: int, material: Material) -> Any:
    """Return the teacher of a seed; fitted once."""
    from bedside.train.architecture import build
    from bedside.train.checkpoint import load_weights, save_weights
    from bedside.train.fitting import fit

    architecture = _network(*TEACHER, material)
    path = CELLS / f"teacher-{seed}.safetensors"
    model = build(architecture, seed=seed)
    if path.is_file():
        return load_weights(model, path)
    plan = _plan(material, TEACHER_IMAGES, seed, n_views=10_000)
    model, _ = fit(model, plan, material.data, monitor=_monitor(material.task))
    save_weights(model, path)
    return model


_ANSWERS: dict[tuple[int, int], Any] = {}


def _answers(teacher_seed: int, seed: int, material: Material) -> Any:
    """Answers of one teacher to the views of one student's seed, which are the same for every way."""
    from bedside.train.answering import teach

    if (teacher_seed, seed) not in _ANSWERS:
        plan = _plan(material, STUDENT_IMAGES, seed)
        _ANSWERS[teacher_seed, seed] = teach(teacher_of(teacher_seed, material), plan, material.data)
    return _ANSWERS[teacher_seed, seed]


def run_cell(name: str, seed: int, material: Material) -> None:
    """Make the student, score it, weigh its files, and write the cell."""
    from bedside.compress.compressing import compress, load_compressed
    from bedside.compress.recipe import Recipe, Workbench
    from bedside.train.answering import blended, logits_of

    way = ways()[name]
    plan = _plan(material, STUDENT_IMAGES, seed, way.extra_frac)
    teachers = [teacher_of((seed + i) % 3, material) for i in range(way.n_teachers)]
    begun = time.process_time()
    answers = [_answers((seed + i) % 3, seed, material) for i in range(way.n_teachers)]
    bench = Workbench(
        data=material.data, monitor=_monitor(material.task),
        teacher_logits=blended(answers, plan.teacher_average, material.data.kind) if answers else None,
        teacher=teachers[0] if teachers else None,
    )  # fmt: skip
    recipe = Recipe(architecture=_network(way.family, way.width, material), plan=plan, steps=way.steps)
    folder = CELLS / _cell(name, seed).stem
    folder.mkdir(parents=True, exist_ok=True)
    model = load_compressed(compress(recipe, bench, folder), folder)
    cpu_s = time.process_time() - begun
    outputs = softmax(logits_of(model, material.test, material.data.preprocess))
    files = _weighed(model, material, folder) if way.is_weighed and seed == 0 else {}
    buffer = io.BytesIO()
    np.savez(
        buffer, probabilities=outputs, labels=material.test_labels, units=np.array(material.test_units),
        auroc=auroc_of(material.task, material.test_labels, outputs), cpu_s=cpu_s, files=json.dumps(files),
        n_parameters=sum(p.numel() for p in model.parameters()),
        task=json.dumps([material.task.classes, material.task.positive]),
    )  # fmt: skip
    write_atomic(_cell(name, seed), buffer.getvalue())


def _weighed(model: Any, material: Material, folder: Path) -> dict[str, dict[str, float]]:
    """Bytes of each int8 file, alone and deflated as in a bundle, its test AUROC and its time to open and an image."""
    from bedside.runtime.session import logits, open_session

    preprocess = material.data.preprocess
    observed = preprocess.normalize(material.data.tuning[:100])
    found: dict[str, dict[str, float]] = {}
    test = preprocess.normalize(material.test)
    for format_ in FORMATS:
        (artifact,) = exported(model, preprocess.spec, material.task.n_classes, observed, folder, ("int8",), format_)
        data = (folder / artifact.file).read_bytes()
        opened = time.perf_counter()
        session = open_session(artifact, folder)
        ready = time.perf_counter()
        outputs = softmax(logits(session, test))
        found[format_] = {
            "bytes": len(data), "deflated": len(zlib.compress(data)), "open_ms": 1e3 * (ready - opened),
            "image_ms": min(_image_ms(session, test) for _ in range(5)),
            "auroc": auroc_of(material.task, material.test_labels, outputs),
        }  # fmt: skip
    return found


def _image_ms(session: Any, images: np.ndarray) -> float:
    from bedside.runtime.session import logits

    begun = time.perf_counter()
    logits(session, images[:50])
    return 1e3 * (time.perf_counter() - begun) / 50


def read_cell(name: str, seed: int) -> dict[str, Any] | None:
    """Read a finished cell."""
    path = _cell(name, seed)
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as held:
        return {key: held[key] for key in held.files}


def summarize(seeds: list[int]) -> None:
    """Write a row for each way over the seeds that are finished; distilled ones are compared with soft targets."""
    for name, way in ways().items():
        done = {seed: found for seed in seeds if (found := read_cell(name, seed)) is not None}
        if done:
            _row(name, way, done)


def _row(name: str, way: Way, done: dict[int, dict[str, Any]]) -> None:
    intervals = [_interval(found, seed) for seed, found in done.items()]
    is_student = (way.family, way.width) == STUDENT
    rival = "soft targets" if is_student else "recursive:3+unshared" if way.family == "recursive:3" else "dense"
    first = next(iter(done.values()))
    files = json.loads(str(first["files"]))
    shown = "; ".join(
        f"{format_} int8 {held['bytes']:.0f} B, deflated {held['deflated']:.0f} B, AUROC {held['auroc']:.4f}, "
        f"{held['image_ms']:.2f} ms an image, opened in {held['open_ms']:.0f} ms"
        for format_, held in files.items()
    )
    what = f"{way.family}-x{way.width:g}, {int(first['n_parameters'])} weights, {STUDENT_IMAGES} images"
    note, met = ("none, for comparison", True) if name in (rival, "recursive:3+unshared") else _against(rival, done)
    record("compression", Figure(
        figure=f"distillation, {STUDY}: {name} ({what}): test AUROC, mean of seeds, mean 95 % interval",
        value=float(np.mean([float(found["auroc"]) for found in done.values()])),
        low=float(np.mean([i.low for i in intervals])), high=float(np.mean([i.high for i in intervals])),
        target=note + (f"; {shown}" if shown else ""), met=met, command="python -m benchmarks.distillation",
        seeds=tuple(done),
    ))  # fmt: skip


def _interval(found: dict[str, Any], seed: int) -> Any:
    task, labels, probabilities = _task(found), found["labels"], found["probabilities"]
    units = [str(unit) for unit in found["units"]]
    return bootstrap(
        lambda rows: auroc_of(task, labels[rows], probabilities[rows]), resamples(units, n_resamples=500, seed=seed),
        n_rows=len(labels), n_patients=len(set(units)),
    )  # fmt: skip


def _task(found: dict[str, Any]) -> Task:
    classes, positive = json.loads(str(found["task"]))
    return Task(classes=tuple(classes), positive=positive)


def _against(rival: str, done: dict[int, dict[str, Any]]) -> tuple[str, bool]:
    """Paired difference from a rival on the seeds that both have; met is a mean that is not below -0.02's margin."""
    both = {seed: other for seed in done if (other := read_cell(rival, seed)) is not None}
    if not both:
        return f"{rival} not finished", False
    gaps = []
    for seed, other in both.items():
        units = [str(unit) for unit in other["units"]]
        gaps.append(compare_aurocs(
            _task(other), other["labels"], done[seed]["probabilities"], other["probabilities"], margin=0.02,
            draws=resamples(units, n_resamples=500, seed=seed), n_patients=len(set(units)),
        ).difference)  # fmt: skip
    gap, low = float(np.mean([g.value for g in gaps])), float(np.mean([g.low for g in gaps]))
    band = f"{low:+.4f} to {np.mean([g.high for g in gaps]):+.4f}"
    return f"not below {rival} by 0.02; paired difference {gap:+.4f}, mean 95 % interval {band}", low > -0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ways", default=",".join(ways()), help="comma-separated names")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop before the next cell after so much CPU time")
    asked = parser.parse_args()
    CELLS.mkdir(parents=True, exist_ok=True)
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    material = gathered(STUDY)
    for seed in seeds:
        for name in (name for name in ways() if name in asked.ways.split(",")):
            if _cell(name, seed).is_file():
                continue
            if time.process_time() > 60 * asked.minutes:
                break
            run_cell(name, seed, material)
            found = read_cell(name, seed) or {}
            print(f"{name} {seed}: {float(found['auroc']):.4f}, {float(found['cpu_s']):.0f} s", flush=True)
    summarize(seeds)


if __name__ == "__main__":
    main()
