"""The fp32 reference: a strong network, fitted once, that everything small is measured against."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.base.digest import Digest
from bedside.base.task import TensorSpec
from bedside.train.architecture import Architecture, build
from bedside.train.plan import EpochMark, TrainPlan

if TYPE_CHECKING:
    from torch import nn

    from bedside.train.fitting import Monitor, TrainingData
    from bedside.train.hardening import Hardening

SMALL_PX = 64
"""Inputs up to this side are referenced by ResNet-18 from scratch; larger ones by EfficientNet-Lite0 from ImageNet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The fitted reference: its weights in `file`, their digest, and the course of the fit."""

    architecture: Architecture
    plan: TrainPlan
    file: str
    digest: Digest
    history: tuple[EpochMark, ...]


def reference_architecture(spec: TensorSpec, n_classes: int, asked: str | None = None) -> Architecture:
    """Choose the reference for an input; `asked` names a family, ``timm:NAME`` with its hub weights included."""
    if asked is not None:
        pretrained = asked.startswith("timm:") or asked == "tf_efficientnet_lite0"
        return Architecture(family=asked, width=1.0, spec=spec, n_classes=n_classes, pretrained=pretrained)
    if spec.height_px <= SMALL_PX:
        return Architecture(family="resnet18", width=1.0, spec=spec, n_classes=n_classes)
    return Architecture(family="tf_efficientnet_lite0", width=1.0, spec=spec, n_classes=n_classes, pretrained=True)


def fit_reference(
    architecture: Architecture,
    plan: TrainPlan,
    data: "TrainingData",
    folder: Path,
    *,
    monitor: "Monitor",
    hardening: "Hardening | None" = None,
    on_epoch: Callable[[EpochMark], None] = lambda mark: None,
) -> Baseline:
    """Fit the reference and write its weights into `folder`."""
    from bedside.train.checkpoint import save_weights
    from bedside.train.fitting import fit

    checkpoint = folder / "reference.ckpt"
    model, history = fit(
        build(architecture, seed=plan.seed),
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
