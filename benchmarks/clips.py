"""Clips of lung ultrasound, five folds by patient: a frame CNN's mean, CNN and GRU, CNN with temporal shift.

``python -m benchmarks.clips`` resumes by fold and model. The three networks share an EfficientNet-Lite0 trunk; its
first four stages keep their ImageNet weights (frozen, so that their maps are computed once), the rest is fitted on
class-balanced cross-entropy for a fixed number of epochs: nothing is chosen by a score, so that folds need no tuning
part.
"""

import argparse
import math
import os
import time
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.data.augment import Augment
from bedside.data.folds import Fold, k_folds
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images
from bedside.data.targets import labels_of
from bedside.data.units import units_of
from bedside.train.architecture import Architecture, build
from bedside.verify.intervals import bootstrap, resamples
from bedside.verify.metrics import softmax
from benchmarks.exporting import exported
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells" / "clips"
COMMAND = "python -m benchmarks.clips"
MODELS = ("clip_mean", "clip_gru", "clip_shift")
SIDE_PX, N_FRAMES, N_FOLDS, N_VIEWS, N_EPOCHS, BATCH, SEED = 96, 6, 5, 5, 12, 16, 0
LEARNING_RATE = 1e-3
PREPROCESS = Preprocess(n_channels=1, height_px=SIDE_PX, width_px=SIDE_PX, n_frames=N_FRAMES)
CEILING_KIB, N_OBSERVED, FORMAT = 2048, 24, "onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All clips as arrays, with their folds."""

    task: Task
    cases: tuple[Any, ...]
    clips: np.ndarray
    labels: np.ndarray
    folds: tuple[Fold, ...]

    def rows(self, cases: tuple[Any, ...]) -> np.ndarray:
        """Row numbers of some cases."""
        place = {case.case_id: i for i, case in enumerate(self.cases)}
        return np.array([place[case.case_id] for case in cases])


def gathered() -> Material:
    """Read the cohort; frames are letterboxed to a square and kept."""
    cohort = load_cohort(f"clips:{os.environ.get('BEDSIDE_DATA', '../shared/data')}/us_lung_pocus")
    kept = CELLS / "clips.npy"
    if not kept.is_file():
        CELLS.mkdir(parents=True, exist_ok=True)
        np.save(kept, stack_images(cohort.cases, PREPROCESS))
    return Material(
        task=cohort.task, cases=cohort.cases, clips=np.load(kept), labels=labels_of(cohort.cases),
        folds=k_folds(cohort.cases, k=N_FOLDS, seed=SEED),
    )  # fmt: skip


def architecture_of(family: str, task: Task) -> Architecture:
    """One family with Lite0's first five stages."""
    return Architecture(family=family, width=1.0, spec=PREPROCESS.spec, n_classes=task.n_classes, pretrained=True)


def early_maps(material: Material, view: int) -> np.ndarray:
    """Maps of the frozen stages for one augmented view, ``(n, T, c, h, w)`` float16; every fold and model uses them."""
    import torch

    kept = CELLS / f"maps{view}.npy"
    if kept.is_file():
        return np.load(kept, mmap_mode="r")
    clips = material.clips
    draw = Augment(flip_prob=0.5).sample(np.random.default_rng((SEED, view)), len(clips), SIDE_PX, SIDE_PX)
    clips = np.concatenate([draw.pick(np.array([i]))(clip[:, 0][None])[:, :, None] for i, clip in enumerate(clips)])
    trunk: Any = build(architecture_of("clip_mean", material.task), seed=SEED).eval().trunk
    with torch.inference_mode():
        ready = (torch.from_numpy(PREPROCESS.normalize(clip)) for clip in clips)
        maps = np.stack([trunk.early(frames).numpy().astype(np.float16) for frames in ready])
    np.save(kept, maps)
    return maps


@cache
def _maps(view: int) -> np.ndarray:
    return early_maps(gathered(), view)


def fitted(material: Material, fold: int, family: str) -> Any:
    """Fit the late part of one network on one fold's clips, or load it where it was fitted before."""
    import torch

    from bedside.train.checkpoint import load_weights, save_weights

    kept = CELLS / f"{family}-{fold}.safetensors"
    model: Any = build(architecture_of(family, material.task), seed=SEED)
    if kept.is_file():
        return load_weights(model, kept)
    torch.set_num_threads(1)
    began = time.process_time()
    rows = material.rows(material.folds[fold].fit)
    model = model.to(memory_format=torch.channels_last)
    frozen = (model.trunk.stem, *model.trunk.blocks[: model.trunk.n_early])
    held = {id(p) for block in frozen for p in block.parameters()}
    moving = [p for p in model.parameters() if id(p) not in held]
    optimizer = torch.optim.AdamW(moving, lr=LEARNING_RATE, weight_decay=0.05)
    counts = np.bincount(material.labels[rows], minlength=material.task.n_classes)
    weight = torch.from_numpy((len(rows) / (len(counts) * counts)).astype(np.float32))
    loss_of = torch.nn.CrossEntropyLoss(weight, label_smoothing=0.05)
    n_steps = N_EPOCHS * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, n_steps, pct_start=0.15)
    loss = 0.0
    for epoch in range(N_EPOCHS):
        loss = _epoch(model, optimizer, schedule, loss_of, material, rows, epoch)
    print(f"{family} fold {fold}: loss {loss:.3f}, {time.process_time() - began:.0f} CPU s", flush=True)
    save_weights(model, kept)
    return model.eval()


def _epoch(
    model: Any, optimizer: Any, schedule: Any, loss_of: Any, material: Material, rows: np.ndarray, epoch: int
) -> float:
    import torch

    rng = np.random.default_rng((SEED, epoch))
    torch.manual_seed(SEED * 1000 + epoch)
    order, views, total = rng.permutation(rows), rng.integers(1, N_VIEWS + 1, len(material.labels)), 0.0
    model.train()
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        maps = np.concatenate([_maps(int(views[row]))[row] for row in batch]).astype(np.float32)
        early = torch.from_numpy(maps).to(memory_format=torch.channels_last)
        loss = loss_of(model.answers(early, N_FRAMES).mean(1), torch.from_numpy(material.labels[batch]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        total += float(loss.detach()) * len(batch)
    return total / len(order)


def fp32_logits(model: Any, material: Material, fold: int, family: str) -> dict[str, np.ndarray]:
    """Answers of the float network to the held-out clips."""
    from bedside.export.exported import eager_session
    from bedside.runtime.session import logits

    held = PREPROCESS.normalize(material.clips[material.rows(material.folds[fold].held_out)])
    return {"fp32": logits(eager_session(model), held)}


def shipped_logits(model: Any, material: Material, fold: int, family: str) -> dict[str, np.ndarray]:
    """Export to int8 (ONNX, the quickest to make) and stream the held-out clips through the file, once."""
    from tempfile import TemporaryDirectory

    from bedside.runtime.session import logits, open_session

    kept = CELLS / f"{family}-{fold}.npz"
    if not kept.is_file():
        held = PREPROCESS.normalize(material.clips[material.rows(material.folds[fold].held_out)])
        fit = material.rows(material.folds[fold].fit)
        observed = PREPROCESS.normalize(material.clips[fit[:: max(1, len(fit) // N_OBSERVED)]])
        with TemporaryDirectory() as folder:
            place, n_classes = Path(folder), material.task.n_classes
            (artifact,) = exported(model, PREPROCESS.spec, n_classes, observed, place, ("int8",), FORMAT)
            session = open_session(artifact, place)
            int8, began = logits(session, held), time.process_time()
            logits(session, held)
            frame_ms = 1000 * (time.process_time() - began) / (len(held) * N_FRAMES)
        np.savez(
            kept, int8=int8, **fp32_logits(model, material, fold, family), size_kib=artifact.size_kib, frame_ms=frame_ms
        )
        print(f"{family} fold {fold}: {artifact.size_kib:.0f} KiB, {frame_ms:.2f} ms a frame", flush=True)
    with np.load(kept) as found:
        return {name: found[name] for name in found.files}


def balanced(called: np.ndarray, labels: np.ndarray, n_classes: int) -> float:
    """Mean recall of the classes; NaN where a class has no case."""
    recalls = [float((called[labels == k] == k).mean()) if (labels == k).any() else math.nan for k in range(n_classes)]
    return float(np.mean(recalls))


def merged(probabilities: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Count viral pneumonia (five patients) as bacterial: calls and labels over three classes."""
    into, rare = classes.index("bacterial_pneumonia"), classes.index("viral_pneumonia")
    joined = probabilities.copy()
    joined[:, into] += joined[:, rare]
    joined[:, rare] = -1
    return joined.argmax(1), np.where(labels == rare, into, labels)


def scored(material: Material, found: dict[str, np.ndarray], precision: str) -> None:
    """Write the figures of all folds together: each clip was held out once."""
    units, k = units_of(material.cases), material.task.n_classes
    draws = resamples(units, n_resamples=2000, seed=SEED)
    n_patients, labels, calls = len(set(units)), material.labels, {}
    for family, outputs in found.items():
        calls[family] = softmax(outputs).argmax(1)
        three, labels3 = merged(softmax(outputs), labels, material.task.classes)
        both = (("4 classes", calls[family], labels, k), ("3 classes", three, labels3, k - 1))
        for name, called, truth, n_classes in both:
            estimate = bootstrap(
                lambda rows, c=called, t=truth, n=n_classes: balanced(c[rows], t[rows], n), draws,
                n_rows=len(labels), n_patients=n_patients,
            )  # fmt: skip
            _write(
                f"lung ultrasound clips, {family} {precision}, balanced accuracy, {name}, 5 folds by patient", estimate
            )
    for family in MODELS[1:]:
        gap = bootstrap(
            lambda rows, f=family: balanced(calls[f][rows], labels[rows], k)
            - balanced(calls["clip_mean"][rows], labels[rows], k),
            draws, n_rows=len(labels), n_patients=n_patients,
        )  # fmt: skip
        _write(
            f"lung ultrasound clips, {family} minus clip_mean, {precision}, balanced accuracy, 4 classes, paired", gap
        )


HOW = f"{SIDE_PX} px, {N_FRAMES} frames, {N_EPOCHS} epochs, one seed, four Lite0 stages frozen at ImageNet weights"


def _write(figure: str, found: Estimate, *, target: str = "reported with its interval", met: bool = True) -> None:
    row = Figure(
        figure=figure, value=found.value, low=found.low, high=found.high, target=f"{target} ({HOW})", met=met,
        command=COMMAND, seeds=(SEED,),
    )  # fmt: skip
    record("data", row)


def costed(held: dict[str, list[dict[str, np.ndarray]]]) -> None:
    """Write size and time a frame, and what int8 changes: median and range over the folds."""
    for family, folds in held.items():
        sizes, times = ([float(fold[name]) for fold in folds] for name in ("size_kib", "frame_ms"))
        flips = [float((fold["int8"].argmax(1) != fold["fp32"].argmax(1)).mean()) for fold in folds]
        for name, values, target, met in (
            ("int8 file, KiB", sizes, f"at most {CEILING_KIB} KiB", max(sizes) <= CEILING_KIB),
            ("CPU ms a streamed frame, ONNX int8", times, "reported", True),
            ("calls that int8 flips, share", flips, "reported", True),
        ):
            middle = float(np.mean(values)) if "flips" in name else float(np.median(values))
            estimate = Estimate(value=middle, low=min(values), high=max(values), n_patients=0, method="over folds")
            _write(f"lung ultrasound clips, {family}, {name}", estimate, target=target, met=met)


def main() -> None:
    """Fit, ship and score; then write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fp32", action="store_true", help="score the fitted networks themselves, without an export")
    asked = parser.parse_args()
    material = gathered()
    answers = fp32_logits if asked.fp32 else shipped_logits
    held: dict[str, list[dict[str, np.ndarray]]] = {family: [] for family in MODELS}
    for fold, family in product(range(N_FOLDS), MODELS):
        held[family].append(answers(fitted(material, fold, family), material, fold, family))
    back = np.argsort(np.concatenate([material.rows(fold.held_out) for fold in material.folds]))
    for precision in ("fp32",) if asked.fp32 else ("fp32", "int8"):
        whole = {f: np.concatenate([fold[precision] for fold in folds])[back] for f, folds in held.items()}
        scored(material, whole, precision)
    if not asked.fp32:
        costed(held)


if __name__ == "__main__":
    main()
