"""The fp32 reference: a strong network, fitted once, that everything small is measured against."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.base.digest import Digest
from bedside.train.architecture import Architecture, build
from bedside.train.plan import EpochMark, TrainPlan

if TYPE_CHECKING:
    from torch import nn

    from bedside.train.fitting import Monitor, TrainingData
    from bedside.train.hardening import Hardening
    from bedside.train.start_weights import StartFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The fitted reference: its weights in `file`, their digest, and the course of the fit."""

    architecture: Architecture
    plan: TrainPlan
    file: str
    digest: Digest
    history: tuple[EpochMark, ...]


def fit_reference(
    architecture: Architecture,
    plan: TrainPlan,
    data: "TrainingData",
    folder: Path,
    *,
    monitor: "Monitor",
    hardening: "Hardening | None" = None,
    start: "StartFile | None" = None,
    on_epoch: Callable[[EpochMark], None] = lambda mark: None,
) -> Baseline:
    """Fit the reference, from `start` where it fits the network, and write its weights into `folder`."""
    from bedside.train.checkpoint import save_weights
    from bedside.train.fitting import fit
    from bedside.train.start_weights import started

    checkpoint = folder / "reference.ckpt"
    model, history = fit(
        started(architecture, seed=plan.seed, start=start),
        plan,
        data,
        monitor=monitor,
        hardening=hardening,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    digest = save_weights(model, folder / "reference.safetensors")
    checkpoint.unlink(missing_ok=True)
    return Baseline(architecture=architecture, plan=plan, file="reference.safetensors", digest=digest, history=history)


def load_reference(baseline: Baseline, folder: Path) -> "nn.Module":
    """Build the reference again and load its weights; in evaluation mode."""
    from dataclasses import replace

    from bedside.train.checkpoint import load_weights

    return load_weights(build(replace(baseline.architecture, pretrained=False), seed=0), folder / baseline.file)
