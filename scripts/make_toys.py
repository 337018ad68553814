"""Make the toy models of `bedside.runtime.toys` again: ``python scripts/make_toys.py`` (needs the workshop extra)."""

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bedside.base.digest import digest_array
from bedside.base.jsonform import to_plain
from bedside.base.task import TensorSpec
from bedside.compress.quantization import QuantizationPlan
from bedside.export.converting import CONVERTERS, ExportJob, convert
from bedside.runtime.toys import toy_image

SPEC = TensorSpec(n_channels=1, height_px=8, width_px=8)


def toy_network() -> nn.Module:
    """One convolution and one linear layer with weights from seed 0."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    ).eval()


def main() -> None:
    """Write one file a format and ``toys.json`` beside them."""
    folder = Path(__file__).parents[1] / "src" / "bedside" / "runtime" / "toys"
    observed = np.zeros((1, *SPEC.shape), np.float32)
    plan = QuantizationPlan(n_observed=1, observation=digest_array(observed))
    job = ExportJob(model=toy_network(), spec=SPEC, n_classes=2, plan=plan, observed=observed, folder=folder)
    artifacts = {name: convert(job, name, ("fp32",))[0] for name in CONVERTERS.names()}
    image = torch.from_numpy(toy_image(artifacts["litert"])[None])
    with torch.no_grad():
        answer = job.model(image)[0].tolist()
    (folder / "export.log").unlink(missing_ok=True)
    known = {"artifacts": {name: to_plain(a) for name, a in artifacts.items()}, "logits": [round(x, 6) for x in answer]}
    (folder / "toys.json").write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
