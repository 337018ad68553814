"""``bedside pretrain``."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from bedside.base.errors import InputError
from bedside.base.seam import Requirement, require
from bedside.cli.terminal_watch import terminal_watch
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images, suit_preprocess
from bedside.data.unlabelled import Unlabelled, read_unlabelled

_NEEDS = (Requirement("torch", "bedside[workshop]"), Requirement("timm", "bedside[workshop]"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainRequest:
    """The options of the command."""

    source: str
    out: Path
    family: str = "residual"
    width: float = 1.0
    image_px: int = 96
    n_epochs: int = 20
    batch_size: int = 128
    seed: int = 0
    threads: int = 0
    options: dict[str, str] = field(default_factory=dict)


def run_pretrain(request: PretrainRequest) -> None:
    """Pre-train, write the weights, and say what to do with them."""
    require("bedside pretrain", _NEEDS)
    if request.out.suffix != ".safetensors":
        raise InputError(f"{request.out.name} as a file of weights", expected="a name that ends in .safetensors")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from bedside.train.architecture import Architecture, build
    from bedside.train.checkpoint import save_weights
    from bedside.train.pretraining import PretrainPlan, pretrain

    console = Console()
    with terminal_watch(console) as watch:
        watch.stop(1, "images")
        found = _found(request, watch.tick)
        images, preprocess = found.images, found.preprocess
        for name, reason in found.quarantined.items():
            watch.note(f"left out {name}: {reason}")
        watch.stop(2, "pre-training", f"{len(images)} images of {preprocess.spec.shape}")
        architecture = Architecture(family=request.family, width=request.width, spec=preprocess.spec, n_classes=2)
        plan = PretrainPlan(
            n_epochs=request.n_epochs, batch_size=request.batch_size, seed=request.seed,
            threads=request.threads or len(os.sched_getaffinity(0)),
        )  # fmt: skip
        model, marks = pretrain(
            build(architecture, seed=request.seed), plan, images, preprocess,
            on_epoch=lambda m: watch.tick(m.epoch + 1, plan.n_epochs, f"epoch {m.epoch + 1}, loss {m.loss:.3f}"),
        )  # fmt: skip
    digest = save_weights(model, request.out)
    chance = math.log(2 * min(plan.batch_size, len(images)) - 1)
    console.print(f"loss     {marks[-1].loss:.3f}; with nothing learned {chance:.3f}", highlight=False)
    console.print(f"weights  {request.out}, {architecture.name}, {digest}", highlight=False, soft_wrap=True)
    console.print(
        f"next     bedside optimize SOURCE --start-weights {request.out} --image-px {preprocess.height_px}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def _found(request: PretrainRequest, tick: Callable[[int, int], None]) -> Unlabelled:
    """Images of a plain folder, or of the development part of a source: its tuning and test parts are not looked at."""
    if ":" not in request.source:
        return read_unlabelled(Path(request.source), image_px=request.image_px, tick=tick)
    cohort = load_cohort(request.source, **request.options)
    preprocess = suit_preprocess(cohort, image_px=request.image_px)
    images = stack_images(split_by_patient(cohort, seed=request.seed).development, preprocess, tick)
    return Unlabelled(images=images, preprocess=preprocess, quarantined={})
