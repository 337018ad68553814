"""Latency of pruned networks against their dense twins: ``python -m benchmarks.compression.twins``.

A network and its copy of a quarter of the work become LiteRT files; the files run in turn on one thread in one process.
Latency does not depend on what the weights say, so the networks are not fitted.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.task import TensorSpec
from bedside.verify.profiling import time_session
from benchmarks.exporting import BOTH, exported
from benchmarks.ledger import Figure, record

NETWORKS = {
    "resnet18": ("timm:resnet18", 1.0, 224),
    "mobilenetv2": ("mobilenetv2", 1.0, 224),
    "residual": ("residual", 1.0, 64),
}
N_TURNS, N_RUNS, FACTOR = 7, 30, 4


def twins(family: str, width: float, side_px: int) -> dict[str, Any]:
    """The dense network and the pruned one."""
    from bedside.compress.prune import Prune
    from bedside.compress.recipe import Recipe, Workbench
    from bedside.data.preprocess import Preprocess
    from bedside.train.architecture import Architecture, build
    from bedside.train.plan import TrainPlan
    from bedside.train.views import TrainingData

    spec = TensorSpec(n_channels=1, height_px=side_px, width_px=side_px)
    architecture = Architecture(family=family, width=width, spec=spec, n_classes=2)
    dense = _awake(build(architecture, seed=0)).eval()
    blank, labels = np.zeros((2, *spec.shape), np.uint8), np.array([0, 1])
    preprocess = Preprocess(n_channels=1, height_px=side_px, width_px=side_px)
    data = TrainingData(
        development=blank, development_targets=labels, tuning=blank, tuning_targets=labels, preprocess=preprocess
    )
    bench = Workbench(data=data, monitor=lambda targets, outputs: 0.0, teacher_logits=None)
    settings = Prune(criterion="l1", macs_frac=1 / FACTOR, recovery_frac=0.0, reconstruct=False, allocation="local")
    recipe = Recipe(architecture=architecture, plan=TrainPlan(n_epochs=1))
    return {"dense": dense, "pruned": settings(dense, recipe, bench)}


def _awake(model: Any) -> Any:
    """Give norms that begin at zero a scale: layers of zeros are skipped by the runtime."""
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    return model


def sessions_of(name: str, model: Any, spec: TensorSpec, folder: Path) -> dict[str, Any]:
    """Its files, opened, by precision."""
    from bedside.runtime.session import open_session

    observed = np.random.default_rng(0).normal(size=(8, *spec.shape)).astype(np.float32)
    files = exported(model, spec, 2, observed, folder / name)
    return {found.precision: open_session(found, folder / name) for found in files}


def measure(name: str) -> None:
    """Convert both twins, time them in turn, and write a row a precision."""
    family, width, side_px = NETWORKS[name]
    spec = TensorSpec(n_channels=1, height_px=side_px, width_px=side_px)
    image = np.random.default_rng(1).normal(size=spec.shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as place:
        opened = {who: sessions_of(who, net, spec, Path(place)) for who, net in twins(family, width, side_px).items()}
        for precision in BOTH:
            turns = [[np.median(time_session(opened[who][precision], image, n_runs=N_RUNS)) for who in opened]
                     for _ in range(N_TURNS)]  # fmt: skip
            ratios = [float(dense / pruned) for dense, pruned in turns]
            dense_ms, pruned_ms = np.median(np.array(turns), axis=0)
            value, told = float(np.median(ratios)), f">= 2.5 (measured {dense_ms:.2f} and {pruned_ms:.2f} ms)"
            record("compression", Figure(
                figure=f"pruned {FACTOR}x, {name} at {side_px} px, LiteRT {precision}: dense twin's latency "
                "over the pruned file's, median of turns",
                value=value, low=min(ratios), high=max(ratios), target=told, met=value >= 2.5,
                command=f"python -m benchmarks.compression.twins --networks {name}",
            ))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default=",".join(NETWORKS), help="some of them, with commas")
    for name in parser.parse_args().networks.split(","):
        measure(name)


if __name__ == "__main__":
    main()
