"""Seeded stand-ins for everything that a run leaves behind: the arrays are random, the numbers computed from them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.budget import Budget
from bedside.base.digest import Digest, digest_value
from bedside.base.stamp import Stamp
from bedside.base.task import Task, TensorSpec
from bedside.bundle.cohort_numbers import CohortNumbers, audit_numbers
from bedside.bundle.report_data import GalleryItem, ReportData
from bedside.data.audit import CohortAudit, Leak, LeakPolicy
from bedside.runtime.artifact import Artifact
from bedside.verify.evidence import evaluate
from bedside.verify.intervals import bootstrap, resamples
from bedside.verify.noninferiority import auroc_of, compare_aurocs
from bedside.verify.operating_point import OperatingPoint, lock_operating_point
from bedside.verify.parity import ParityReport, check_parity
from bedside.verify.profiling import Profile, Quantity
from bedside.verify.selection import Trial, select

_TRIAL_NAMES = ("depthwise w16", "depthwise w24", "residual w16 pruned", "fire w12", "mobilenet w35", "tiny w4")
_BINARY = ("normal", "pneumonia")
_MANY = ("normal", "bacterial pneumonia", "viral pneumonia", "effusion", "nodule", "mass", "fracture", "hernia")


def synthetic_report(
    *,
    n_classes: int = 2,
    n_cases: int = 300,
    seed: int = 0,
    cohort_name: str = "chest-x-ray",
    leaks: int = 0,
    policy: LeakPolicy = "stop",
    is_phantom: bool = False,
    budget: Budget | None = None,
    n_gallery: int = 4,
) -> ReportData:
    """Build a whole `ReportData`; the shipped model is a noisy copy of the reference."""
    rng = np.random.default_rng(seed)
    task = Task(classes=_BINARY if n_classes == 2 else _MANY[:n_classes], positive=1)
    budget = budget or Budget(size_kib=200, latency_ms=6)
    labels, reference = _logits(rng, task, n_cases)
    on_tuning = _logits(rng, task, n_cases)
    trials = tuple(_trial(rng, name, rank, task, *on_tuning) for rank, name in enumerate(_TRIAL_NAMES))
    choice = select(trials, budget)
    point = next(trial.point for trial in trials if trial.name == choice.name)
    reference_point = replace(point, temperature=1.1)
    shipped = reference + rng.normal(0, 0.35, reference.shape)
    own_fp32 = shipped + rng.normal(0, 0.03, shipped.shape)
    evidence = evaluate(
        task,
        labels,
        _units(n_cases),
        shipped=(shipped, point),
        reference=(reference, reference_point),
        own_fp32=own_fp32,
        margin=0.03,
        reason="clinical evaluation of the shipped file",
        seed=seed,
    )
    audit = _audit(task, leaks, policy, 4708 + 524 + n_cases)
    return ReportData(
        cohort=_cohort(task, labels, audit, cohort_name, is_phantom=is_phantom),
        task=task,
        audit=audit,
        budget=budget,
        trials=trials,
        choice=choice,
        dropped_on_paper={"residual w64": "1,840 KiB on paper, ceiling 200 KiB"},
        parity_of_format={"litert": _parity(rng, task, point, "litert"), "onnx": _parity(rng, task, point, "onnx")},
        reference_name="resnet18",
        reference_profile=synthetic_profile(size_kib=43_700.5, latency_ms=21.4, memory_mib=96.2),
        evidence=evidence,
        labels=labels,
        shipped_probabilities=point.probabilities(shipped),
        reference_probabilities=reference_point.probabilities(reference),
        gallery=_gallery(rng, task, n_gallery),
        sizes_kib={"model.litert.int8.tflite": 96.4, "model.litert.fp32.tflite": 301.7, "model.onnx": 110.2},
        lineage=_lineage(),
        versions={"python": "3.11.7", "numpy": "2.1.0", "torch": "2.9.0", "ai-edge-litert": "2.1.0"},
        seed=seed,
        preset="quick",
        native_sizes={"28 x 28": 200},
        input_spec=TensorSpec(n_channels=1, height_px=28, width_px=28),
        models=next(trial.artifacts for trial in trials if trial.name == choice.name),
        start_weights="none; trained from scratch",
    )


def _cohort(task: Task, labels: IntArray, audit: CohortAudit, name: str, *, is_phantom: bool) -> CohortNumbers:
    parts = {"development": 4708, "tuning": 524, "observation": 200}
    held = {who: int((labels == k).sum()) for k, who in enumerate(task.classes)}
    return CohortNumbers(
        name=name,
        source="medmnist:pneumoniamnist",
        licence="CC BY 4.0",
        modality="chest x-ray",
        is_phantom=is_phantom,
        split_how="the source's own parts; no patient identifiers known",
        parts={**parts, "test": len(labels)},
        part_classes={part: _shared_out(n, task) for part, n in parts.items()} | {"test": held},
        part_units={"development": 2400, "tuning": 262, "observation": 190, "test": len(set(_units(len(labels))))},
        audit=audit_numbers(audit),
    )


def without_positives(data: ReportData) -> ReportData:
    """Return the same report for a test part in which nothing positive was seen: many metrics become NaN."""
    labels = np.full_like(data.labels, 1 - data.task.positive)
    logits = np.log(np.clip(data.shipped_probabilities, 1e-9, 1))
    point = data.chosen.point
    evidence = evaluate(
        data.task,
        labels,
        _units(len(labels)),
        shipped=(logits, point),
        reference=(logits, point),
        own_fp32=logits,
        margin=0.03,
        reason="test",
        seed=0,
    )
    return replace(data, labels=labels, evidence=evidence)


def synthetic_profile(*, size_kib: float, latency_ms: float, memory_mib: float = 11.3) -> Profile:
    """Build a profile whose energy is modelled and the rest measured."""
    return Profile(
        device="host",
        machine="AMD EPYC 7B13, 2 cores",
        runtime="litert 2.1.0",
        latency_p50_ms=_measured(latency_ms, 0.95 * latency_ms, 1.2 * latency_ms, "100 runs after 10 warm-ups"),
        latency_p90_ms=_measured(1.2 * latency_ms, latency_ms, 1.5 * latency_ms, "100 runs after 10 warm-ups"),
        peak_memory_mib=_measured(memory_mib, memory_mib, memory_mib, "peak of a fresh process above its state before"),
        energy_mj=Quantity(
            value=5 * latency_ms,
            low=3 * latency_ms,
            high=9 * latency_ms,
            origin="modelled",
            how="active power 3-9 W times latency",
        ),
        size_kib=_measured(size_kib, size_kib, size_kib, "size of the file"),
        n_warmup=10,
        n_runs=100,
        threads=1,
    )


class Drifting:
    """A session whose logits are those of the one before, a little off."""

    def __init__(self, logits: FloatArray, edges: FloatArray) -> None:
        self._by_size = {len(logits): logits, len(edges): edges}

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Return the prepared logits of as many images as came in."""
        return {"logits": self._by_size[len(next(iter(inputs.values())))]}


def _shared_out(n: int, task: Task) -> dict[str, int]:
    return {name: n // task.n_classes + (k < n % task.n_classes) for k, name in enumerate(task.classes)}


def _measured(value: float, low: float, high: float, how: str) -> Quantity:
    return Quantity(value=value, low=low, high=high, origin="measured", how=how)


def _units(n_cases: int) -> list[str]:
    return [f"patient:{i // 2}" for i in range(n_cases)]


def _logits(rng: np.random.Generator, task: Task, n_cases: int) -> tuple[IntArray, FloatArray]:
    labels = rng.integers(task.n_classes, size=n_cases)
    return labels, rng.normal(0, 1, (n_cases, task.n_classes)) + 1.6 * np.eye(task.n_classes)[labels]


def _trial(
    rng: np.random.Generator, name: str, rank: int, task: Task, labels: IntArray, reference: FloatArray
) -> Trial:
    small = reference + rng.normal(0, 0.3 + (2.5 if name.startswith("tiny") else 0.05 * rank), reference.shape)
    point = lock_operating_point(labels, small, task)
    p, q = point.probabilities(small), point.probabilities(reference)
    draws, n_units = resamples(_units(len(labels)), n_resamples=200, seed=rank), len(set(_units(len(labels))))
    size_kib = 310.0 if name.startswith("mobilenet") else 96.4 + 18 * rank
    artifact = Artifact(
        format="litert",
        precision="int8",
        file="model.litert.int8.tflite",
        digest=digest_value(name),
        size_bytes=int(size_kib * 1024),
        spec=TensorSpec(n_channels=1, height_px=28, width_px=28),
        n_classes=task.n_classes,
    )
    parity = _parity(rng, task, point, "litert", noise=3.0 if name.startswith("fire") else 0.01)
    return Trial(
        name=name,
        recipe=digest_value({"recipe": name}),
        artifacts=(artifact,),
        tuning_score=bootstrap(
            lambda r: auroc_of(task, labels[r], p[r]), draws, n_rows=len(labels), n_patients=n_units
        ),
        non_inferiority=compare_aurocs(task, labels, p, q, margin=0.03, draws=draws, n_patients=n_units),
        point=point,
        parity=parity,
        profile=synthetic_profile(size_kib=size_kib, latency_ms=1.2 + 0.6 * rank),
        mmacs=3.1 + 1.7 * rank,
        n_parameters=80_000 + 12_000 * rank,
    )


def _parity(
    rng: np.random.Generator, task: Task, point: OperatingPoint, name: str, *, noise: float = 0.01
) -> ParityReport:
    images, edges = np.zeros((60, 1, 28, 28), np.float32), np.zeros((4, 1, 28, 28), np.float32)
    logits, on_edges = rng.normal(0, 3, (60, task.n_classes)), rng.normal(0, 3, (4, task.n_classes))
    tiny = 1e-4
    chain = [
        ("eager", Drifting(logits, on_edges)),
        ("exported program", Drifting(logits + tiny, on_edges + tiny)),
        (f"{name} fp32", Drifting(logits - tiny, on_edges)),
        (f"{name} int8", Drifting(logits + rng.normal(0, noise, logits.shape), on_edges)),
    ]
    return check_parity(chain, images, edges, point)


def _audit(task: Task, n_leaks: int, policy: LeakPolicy, n_in_use: int) -> CohortAudit:
    found = tuple(
        Leak(kind="near", first=f"train/{i:04d}", second=f"test/{i:04d}", parts=("development", "test"))
        for i in range(n_leaks)
    )
    return CohortAudit(
        n_cases=n_in_use + 2 + (n_leaks if policy == "drop" else 0),
        counts={
            "development": {name: 1200 + 60 * k for k, name in enumerate(task.classes)},
            "tuning": {name: 120 + 9 * k for k, name in enumerate(task.classes)},
            "test": {name: 230 + 4 * k for k, name in enumerate(task.classes)},
        },
        unreadable={"train/0666": "the file is truncated"},
        constant=("train/0007",),
        leaks=found,
        n_copies_within_parts=3,
        policy=policy,
        dropped=tuple(leak.first for leak in found) if policy == "drop" else (),
    )


def _gallery(rng: np.random.Generator, task: Task, n_each: int) -> tuple[GalleryItem, ...]:
    y, x = np.mgrid[:28, :28]
    items = []
    for i in range(2 * n_each):
        kind: Literal["hit", "miss"] = "hit" if i < n_each else "miss"
        cy, cx = rng.uniform(8, 20, 2)
        spot = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 18)
        image = np.clip(70 + 110 * spot + rng.normal(0, 14, (28, 28)), 0, 255).astype(np.uint8)
        truth = i % task.n_classes
        called = truth if kind == "hit" else (truth + 1) % task.n_classes
        probability = float(rng.uniform(0.6, 0.99))
        if task.is_binary and called != task.positive:
            probability = 1 - probability
        items.append(
            GalleryItem(
                image=image[None],
                heat=spot,
                truth=task.classes[truth],
                called=task.classes[called],
                probability=probability,
                kind=kind,
            )
        )
    return tuple(items)


def _lineage() -> tuple[Stamp, ...]:
    stamps: list[Stamp] = []
    parents: tuple[Digest, ...] = ()
    for stop in ("cohort", "split", "reference", "compress", "artifact", "evidence"):
        stamps.append(
            Stamp(stop=stop, digest=digest_value(stop), parents=parents, note="resnet18" if stop == "reference" else "")
        )
        parents = (stamps[-1].digest,)
    return tuple(stamps)
