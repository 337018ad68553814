"""Seal a bundle: golden outputs, manifest, signature; a folder and the same in one file."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.digest import Digest, digest_bytes, digest_file, digest_value
from bedside.base.errors import InputError
from bedside.base.files import folder_in_the_making, write_atomic
from bedside.base.jsonform import to_json
from bedside.base.task import Task
from bedside.bundle.golden import OUTPUTS, TOLERANCE_PROB, GoldenOutputs, encoded, golden_cases, golden_logits
from bedside.bundle.manifest import MEASURED_FILES, SCHEMA_VERSION, IntendedUse, Manifest, ShippedModel
from bedside.bundle.opening import ABSTAIN, GATE, MANIFEST, SIGNATURE, SKIPPING, Bundle, open_bundle
from bedside.bundle.signing import sign
from bedside.data.preprocess import Preprocess
from bedside.runtime.artifact import Artifact
from bedside.runtime.session import open_session
from bedside.runtime.skipping import Skipping
from bedside.verify.abstention import AbstentionRules
from bedside.verify.gate import AcceptanceGate
from bedside.verify.operating_point import OperatingPoint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A model file that shall ship, where it lies now, and its operating point."""

    artifact: Artifact
    folder: Path
    point: OperatingPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SealJob:
    """Everything that goes into a bundle.

    Parameters
    ----------
    models
        The first is the one that the evidence is about.
    values
        Frozen values by the path of their JSON file inside the bundle.
    texts
        Text files (report, model card) by path.
    gate
        The acceptance gate, if images shall be refused that are unlike those of the cohort.
    abstention
        Prediction sets and referral rules of the model files, by name, if there are any.
    skipping
        Which tiles of a large volume are not run; None runs every tile.
    """

    name: str
    task: Task
    preprocess: Preprocess
    models: tuple[ModelFile, ...]
    cohort: str
    cohort_digest: Digest
    is_phantom: bool
    intended_use: IntendedUse
    version: str
    values: Mapping[str, object] = field(repr=False)
    texts: Mapping[str, str] = field(repr=False)
    gate: AcceptanceGate | None = field(default=None, repr=False)
    abstention: AbstentionRules | None = field(default=None, repr=False)
    skipping: Skipping | None = None


def seal(job: SealJob, out: Path, key: "Ed25519PrivateKey") -> Bundle:
    """Write the folder `out` and the file ``out.bedside``, whole or not at all, and open the result as a check.

    Raises
    ------
    InputError
        If `out` is there already and is not a bundle.
    StorageError
        If there is no room; what was there before is still there.
    """
    check_place(out)
    single, making = out.with_name(f"{out.name}.bedside"), out.with_name(f".{out.name}.bedside.tmp")
    try:
        with folder_in_the_making(out) as folder:
            _fill(folder, job, key)
            pack(folder, making)
        making.replace(single)
    finally:
        making.unlink(missing_ok=True)
    return open_bundle(out)


def check_place(out: Path) -> None:
    """Refuse to replace what is not a bundle: `seal` replaces the folder `out` as a whole."""
    is_bundle = (out / MANIFEST).is_file() and (out / SIGNATURE).is_file()
    if out.exists() and not is_bundle and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(
            f"{out} is there already and is not a bundle",
            expected="a new folder, an empty one, or an older bundle",
            hint="choose another --out",
        )


def _fill(folder: Path, job: SealJob, key: "Ed25519PrivateKey") -> None:
    shipped = _copy_models(job, folder)
    _write_golden(job, shipped, folder)
    if job.gate is not None:
        _write(folder / GATE, to_json(job.gate))
    if job.abstention is not None:
        _write(folder / ABSTAIN, to_json(job.abstention))
    if job.skipping is not None:
        _write(folder / SKIPPING, to_json(job.skipping))
    for name, value in job.values.items():
        _write(folder / name, to_json(value, indent=1))
    for name, text in job.texts.items():
        _write(folder / name, text.encode())
    manifest = _manifest(job, shipped, folder)
    raw = to_json(manifest, indent=1)
    _write(folder / MANIFEST, raw)
    _write(folder / SIGNATURE, to_json(sign(raw, key), indent=1))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _copy_models(job: SealJob, folder: Path) -> tuple[ShippedModel, ...]:
    """Copy each file under a name that says its format, and give its artifact that name."""
    from dataclasses import replace

    shipped = []
    for model in job.models:
        suffix = Path(model.artifact.file).suffix
        artifact = replace(model.artifact, file=f"{model.artifact.format}_{model.artifact.precision}{suffix}")
        _write(folder / "models" / artifact.file, (model.folder / model.artifact.file).read_bytes())
        tolerance = TOLERANCE_PROB[artifact.precision]
        shipped.append(ShippedModel(artifact=artifact, point=model.point, golden_tolerance_prob=tolerance))
    return tuple(shipped)


def _write_golden(job: SealJob, shipped: tuple[ShippedModel, ...], folder: Path) -> None:
    images = golden_cases(job.preprocess)
    for name, image in images:
        _write(folder / "golden" / name, encoded(name, image))
    outputs = {}
    for model in shipped:
        session = open_session(model.artifact, folder / "models")
        rows = golden_logits(session, job.preprocess, [image for _, image in images])
        outputs[model.artifact.file] = tuple(tuple(round(float(x), 6) for x in row.ravel()) for row in np.asarray(rows))
    _write(folder / OUTPUTS, to_json(GoldenOutputs(images=tuple(name for name, _ in images), logits=outputs), indent=1))


def _manifest(job: SealJob, shipped: tuple[ShippedModel, ...], folder: Path) -> Manifest:
    files = {p.relative_to(folder).as_posix(): digest_file(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    lasting = {name: digest for name, digest in files.items() if name not in MEASURED_FILES}
    content = digest_value([lasting, job.task, job.preprocess, shipped, job.cohort_digest])
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=job.name,
        bedside_version=job.version,
        created=_now(),
        task=job.task,
        preprocess=job.preprocess,
        models=shipped,
        intended_use=job.intended_use,
        cohort=job.cohort,
        cohort_digest=job.cohort_digest,
        is_phantom=job.is_phantom,
        content_digest=content,
        files=files,
    )


def _now() -> str:
    """Now, UTC; ``SOURCE_DATE_EPOCH`` where a build wants to be reproducible."""
    import os

    stated = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(stated), UTC) if stated else datetime.now(UTC)
    return moment.isoformat(timespec="seconds")


def pack(folder: Path, target: Path) -> Digest:
    """Pack a bundle folder into one file; the same folder gives the same bytes."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            item = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            item.external_attr = 0o644 << 16
            archive.writestr(item, path.read_bytes(), zipfile.ZIP_DEFLATED)
    write_atomic(target, buffer.getvalue())
    return digest_bytes(buffer.getvalue())
