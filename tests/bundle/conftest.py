"""A small real bundle, and the tools to spoil it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bedside.base.digest import Digest, digest_file
from bedside.base.jsonform import from_json, to_json
from bedside.base.seam import missing
from bedside.base.task import Task
from bedside.bundle.manifest import IntendedUse, Manifest
from bedside.bundle.report_data import ReportData
from bedside.bundle.sealing import ModelFile, SealJob, seal
from bedside.bundle.signing import load_or_create_key, sign
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import RUNTIMES
from bedside.runtime.toys import toy_artifact
from bedside.verify.operating_point import OperatingPoint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMATS = ("litert", "onnx")
POINT = OperatingPoint(temperature=1.25, threshold_prob=0.55, positive=1, rule="by the test")


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> "Ed25519PrivateKey":
    """The signer's key."""
    return load_or_create_key(tmp_path_factory.mktemp("keys") / "signing.key")


@pytest.fixture(scope="session")
def job() -> SealJob:
    """What goes in: a toy model in each format whose runtime is here."""
    models = []
    for name in FORMATS:
        if not missing(RUNTIMES.get(name).requires):
            artifact, folder, *_ = toy_artifact(name)
            models.append(ModelFile(artifact=artifact, folder=folder, point=POINT))
    return SealJob(
        name="toy",
        task=Task(classes=("well", "ill"), positive=1),
        preprocess=Preprocess(n_channels=1, height_px=8, width_px=8),
        models=tuple(models),
        cohort="made",
        cohort_digest=Digest("ab" * 32),
        is_phantom=True,
        intended_use=IntendedUse(purpose="testing"),
        version="0.0.0",
        values={"evidence/evidence.json": {"auroc": 0.9}, "evidence/profile.json": {"latency_ms": 1.0}},
        texts={"model_card.md": "# Toy\n\nBlüte\n", "report.html": "<html><body>report</body></html>\n"},
    )


@pytest.fixture(scope="session")
def sealed(job: SealJob, key: "Ed25519PrivateKey", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed bundle that no test may change."""
    folder = tmp_path_factory.mktemp("sealed") / "toy"
    seal(job, folder, key)
    return folder


@pytest.fixture(scope="session")
def packed_data() -> ReportData:
    """What a run with mended leaks and a hostile name has learned."""
    from synthetic import synthetic_report

    return synthetic_report(leaks=3, policy="drop", n_cases=120, n_gallery=1, cohort_name="x <script>alert(1)</script>")


@pytest.fixture(scope="session")
def packed(
    packed_data: ReportData, job: SealJob, key: "Ed25519PrivateKey", tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A sealed bundle with report and pack, that no test may change."""
    for needed in ("jinja2", "matplotlib", "packaging"):
        pytest.importorskip(needed)
    from bedside.bundle.report_texts import report_texts

    out = tmp_path_factory.mktemp("packed") / "toy"
    seal(replace(job, texts=report_texts(packed_data, name="toy", version="0.0.0")), out, key)
    return out


@pytest.fixture
def bundle(sealed: Path, tmp_path: Path) -> Path:
    """A copy of the sealed bundle, to be spoilt."""
    return Path(shutil.copytree(sealed, tmp_path / "toy"))


@pytest.fixture
def resign(key: "Ed25519PrivateKey") -> Callable[..., None]:
    """Make manifest and signature again, as someone who has a key could, with some of its fields changed."""

    def again(folder: Path, **changes: object) -> None:
        manifest = from_json(Manifest, (folder / "manifest.json").read_bytes())
        own = {"manifest.json", "signature.json"}
        files = {
            name: digest_file(folder / name)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and (name := path.relative_to(folder).as_posix()) not in own
        }
        raw = to_json(replace(manifest, **{"files": files, **changes}), indent=1)
        (folder / "manifest.json").write_bytes(raw)
        (folder / "signature.json").write_bytes(to_json(sign(raw, key), indent=1))

    return again
