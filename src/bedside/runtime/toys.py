"""A model of a few hundred bytes in each format, whose answer is known: for self-tests and contract tests."""

import json
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.jsonform import from_json
from bedside.runtime.artifact import Artifact


def toy_artifact(format_: str) -> tuple[Artifact, Path, FloatArray, FloatArray]:
    """Artifact, its folder, one input ``(C, H, W)`` and the logits ``(K,)`` that it must give."""
    place = files("bedside.runtime") / "toys"
    with as_file(place) as folder:
        known = json.loads((folder / "toys.json").read_text())
        artifact = from_json(Artifact, json.dumps(known["artifacts"][format_]).encode())
        return artifact, Path(folder), toy_image(artifact), np.array(known["logits"], np.float32)


def toy_image(artifact: Artifact) -> FloatArray:
    """A ramp from -1 to 1 of the model's input shape."""
    n = int(np.prod(artifact.spec.shape))
    return np.linspace(-1, 1, n, dtype=np.float32).reshape(artifact.spec.shape)
