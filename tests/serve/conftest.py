"""A small real bundle, and a folder of labelled images from another site."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.digest import Digest
from bedside.base.task import Task
from bedside.bundle.manifest import IntendedUse
from bedside.bundle.sealing import ModelFile, SealJob, seal
from bedside.bundle.signing import load_or_create_key
from bedside.data.preprocess import Preprocess
from bedside.runtime.toys import toy_artifact
from bedside.verify.operating_point import OperatingPoint


@pytest.fixture(scope="session")
def toy_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy model for 8 x 8 images, sealed twice: as ``toy`` and, with another threshold, as ``other``."""
    artifact, folder, *_ = toy_artifact("litert")
    key = load_or_create_key(tmp_path_factory.mktemp("keys") / "signing.key")
    home = tmp_path_factory.mktemp("bundles")
    for name, threshold in (("toy", 0.5), ("other", 0.2)):
        point = OperatingPoint(temperature=1.0, threshold_prob=threshold, positive=1, rule="by the test")
        job = SealJob(
            name=name, task=Task(classes=("well", "ill")), preprocess=Preprocess(n_channels=1, height_px=8, width_px=8),
            models=(ModelFile(artifact=artifact, folder=folder, point=point),), cohort="made",
            cohort_digest=Digest("ab" * 32), is_phantom=True, intended_use=IntendedUse(purpose="testing"),
            version="0.0.0", values={"evidence/evidence.json": {}, "evidence/profile.json": {}},
            texts={"model_card.md": "# Toy\n", "report.html": "<html></html>\n"},
        )  # fmt: skip
        seal(job, home / name, key)
    return home / "toy"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty images of thirty patients: labels, sex and view in metadata.csv."""
    place = tmp_path_factory.mktemp("site") / "harbour"
    place.mkdir()
    rng = np.random.default_rng(0)
    lines = ["file,label,patient_id,sex,view"]
    for i in range(60):
        ill = i // 2 % 3 == 0
        Image.fromarray(rng.integers(0, 256, (8, 8)).astype(np.uint8)).save(place / f"{i}.png")
        lines.append(
            f"{i}.png,{'ill' if ill else 'well'},p{i // 2},{'f' if i % 4 < 2 else 'm'},{'ap' if i < 56 else 'pa'}"
        )
    (place / "metadata.csv").write_text("\n".join(lines) + "\n")
    return place
