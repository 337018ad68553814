"""Bundles of volumes that are sealed in seconds: networks whose answers are known, instead of fitted ones."""

from pathlib import Path

import numpy as np
import torch

from bedside.base.digest import Digest, digest_array
from bedside.base.task import Task
from bedside.bundle.manifest import IntendedUse
from bedside.bundle.sealing import ModelFile, SealJob, seal
from bedside.bundle.signing import load_or_create_key
from bedside.compress.quantization import QuantizationPlan
from bedside.data.preprocess import Preprocess
from bedside.export.converting import ExportJob, convert
from bedside.verify.operating_point import OperatingPoint

GREYS = (0.25, 0.75, 0.55)
"""Of background, head and tail in the phantom of volumes."""


class Filled(torch.nn.Module):
    """The logit of the second class rises with the mean brightness."""

    def __init__(self, middle: float) -> None:
        super().__init__()
        self.line = torch.nn.Linear(1, 2)
        self.line.weight.data = torch.tensor([[-20.0], [20.0]])
        self.line.bias.data = torch.tensor([20.0, -20.0]) * middle

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        return self.line(volumes.flatten(1).mean(1, keepdim=True))


class Bright(torch.nn.Module):
    """Every voxel gets the label whose grey is nearest to its own."""

    def __init__(self) -> None:
        super().__init__()
        self.line = torch.nn.Conv3d(1, len(GREYS), 1)
        greys = (255 * torch.tensor(GREYS) - 127) / 128  # as they are normalized
        self.line.weight.data = 40 * greys.reshape(-1, 1, 1, 1, 1)
        assert self.line.bias is not None
        self.line.bias.data = -20 * greys**2

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        return self.line(volumes)


def sealed(folder: Path, name: str, network: torch.nn.Module, task: Task, preprocess: Preprocess) -> Path:
    """Seal `network` as an fp32 ONNX file."""
    observed = np.zeros((2, *preprocess.spec.shape), np.float32)
    files = folder / "files"
    job = ExportJob(
        model=network.eval(), spec=preprocess.spec, n_classes=task.n_classes, observed=observed, folder=files,
        plan=QuantizationPlan(n_observed=2, observation=digest_array(observed)),
    )  # fmt: skip
    (artifact,) = convert(job, "onnx", ("fp32",))
    threshold = 0.5 if task.is_binary else None
    point = OperatingPoint(temperature=1.0, threshold_prob=threshold, positive=1, rule="by the test")
    seal(
        SealJob(
            name=name, task=task, preprocess=preprocess,
            models=(ModelFile(artifact=artifact, folder=files, point=point),), cohort="made",
            cohort_digest=Digest("ab" * 32), is_phantom=True, intended_use=IntendedUse(purpose="testing"),
            version="0.0.0", values={"evidence/evidence.json": {}, "evidence/profile.json": {}},
            texts={"model_card.md": "# Toy\n", "report.html": "<html></html>\n"},
        ),
        folder / name, load_or_create_key(folder / "key.pem"),
    )  # fmt: skip
    return folder / name
