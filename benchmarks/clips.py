"""Clips of lung ultrasound, five folds by patient: a frame CNN's mean, CNN and GRU, CNN with temporal shift.

``python -m benchmarks.clips`` resumes by fold and model. The three networks share an EfficientNet-Lite0 trunk; its first
four stages keep their ImageNet weights (frozen, so that their maps are computed once), the rest is fitted on class-
balanced cross-entropy for a fixed number of epochs: nothing is chosen by a score, so that folds need no tuning part.
"""

import argparse
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.data.augment import Augment
from bedside.data.case import labels_of, units_of
from bedside.data.folds import Fold, k_folds
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images
from bedside.train.architecture import Architecture, build
from bedside.verify.intervals import bootstrap, resamples
from bedside.verify.metrics import softmax
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells" / "clips"
COMMAND = "python -m benchmarks.clips"
MODELS = ("clip_mean", "clip_gru", "clip_shift")
SIDE_PX, N_FRAMES, N_FOLDS, N_VIEWS, N_EPOCHS, BATCH, SEED = 96, 6, 5, 5, 12, 16, 0
LEARNING_RATE = 1e-3
PREPROCESS = Preprocess(n_channels=1, height_px=SIDE_PX, width_px=SIDE_PX, n_frames=N_FRAMES)
CEILING_KIB = 2048


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
    """Maps of the frozen stages, ``(n, T, c, h, w)`` float16; view 0 is not augmented. Every fold and model uses them."""
    import torch

    kept = CELLS / f"maps{view}.npy"
    if kept.is_file():
        return np.load(kept, mmap_mode="r")
    clips = material.clips
    if view:
        draw = Augment(flip_prob=0.5).sample(np.random.default_rng((SEED, view)), len(clips), SIDE_PX, SIDE_PX)
        clips = np.concatenate(
            [draw.pick(np.array([i]))(clip[:, 0][None])[:, :, None] for i, clip in enumerate(clips)]
        )
    trunk: Any = build(architecture_of("clip_mean", material.task), seed=SEED).eval().trunk
    rows = []
    with torch.inference_mode():
        for clip in clips:
            rows.append(trunk.early(torch.from_numpy(PREPROCESS.normalize(clip))).numpy().astype(np.float16))
    np.save(kept, np.stack(rows))
    return np.stack(rows)


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
    held = {id(p) for block in (model.trunk.stem, *model.trunk.blocks[: model.trunk.n_early]) for p in block.parameters()}
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


def fp32_logits(model: Any, material: Material, rows: np.ndarray) -> np.ndarray:
    """Answers of the float model to whole clips, ``(n, K)``."""
    import torch

    with torch.inference_mode():
        return np.concatenate([model(torch.from_numpy(PREPROCESS.normalize(material.clips[[row]]))) for row in rows])


def balanced(called: np.ndarray, labels: np.ndarray, n_classes: int) -> float:
    """Mean recall of the classes that are there."""
    recalls = [float((called[labels == k] == k).mean()) for k in range(n_classes) if (labels == k).any()]
    return float(np.mean(recalls))


def main() -> None:
    """Fit, ship and score; then write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit-only", action="store_true", help="stop before the export")
    asked = parser.parse_args()
    material = gathered()
    for fold in range(N_FOLDS):
        for family in MODELS:
            model = fitted(material, fold, family)
            if asked.fit_only:
                held = material.rows(material.folds[fold].held_out)
                called = fp32_logits(model, material, held).argmax(1)
                print(f"  held out {balanced(called, material.labels[held], material.task.n_classes):.3f}", flush=True)


if __name__ == "__main__":
    main()
