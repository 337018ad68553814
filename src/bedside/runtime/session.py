"""The ports that run a model, and the one verb that opens it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from bedside.base.arrays import FloatArray
from bedside.base.digest import digest_file
from bedside.base.errors import RuntimeFailureError
from bedside.base.seam import Requirement, Seam, require
from bedside.runtime.artifact import Artifact

INPUT = "image"
OUTPUT = "logits"


class Session(Protocol):
    """A loaded model. ``run({"image": (N, *spec.shape) float32})`` gives ``{"logits": (N, K) float32}``.

    A model that answers for every place gives ``(N, K, H, W)``, whatever order the file itself keeps.
    """

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Compute the outputs of a batch, by name."""
        ...


class Runtime(Protocol):
    """What a runtime's adapter offers."""

    requires: tuple[Requirement, ...]

    def version(self) -> str:
        """Version of the installed runtime."""
        ...

    def open(self, path: Path, artifact: Artifact, threads: int) -> Session:
        """Load a file."""
        ...


RUNTIMES: Seam[Runtime] = Seam(
    "bedside.runtimes",
    {
        "litert": "bedside.runtime.litert:LITERT",
        "executorch": "bedside.runtime.executorch:EXECUTORCH",
        "onnx": "bedside.runtime.onnx:ONNX",
    },
)


def open_session(artifact: Artifact, folder: Path, *, threads: int = 1, check_digest: bool = True) -> Session:
    """Load an artifact that lies in `folder`.

    Raises
    ------
    RuntimeFailureError
        If the file is missing, is not the one that the artifact describes, or cannot be loaded.
    MissingPackageError
        If its runtime is not installed.
    """
    path = folder / artifact.file
    if not path.is_file():
        raise RuntimeFailureError(
            f"{path} does not exist",
            expected=f"the {artifact.name} model file",
            hint="get the bundle again, or remake it",
        )
    if check_digest and digest_file(path) != artifact.digest:
        raise RuntimeFailureError(
            f"{path} is not the file that was verified", expected=f"SHA-256 {artifact.digest}", hint="remake it"
        )
    runtime = RUNTIMES.get(artifact.format)
    require(f"running a {artifact.format} model", runtime.requires)
    try:
        return runtime.open(path, artifact, threads)
    except (ValueError, RuntimeError) as error:
        raise RuntimeFailureError(
            f"{path} cannot be loaded by {artifact.format} {runtime.version()}: {error}",
            expected=f"a {artifact.name} model with an input of {artifact.spec.shape}",
            hint="see bedside doctor",
        ) from error


def logits(session: Session, images: FloatArray) -> FloatArray:
    """Logits ``(N, K)`` of images ``(N, C, H, W)`` or clips ``(N, T, C, H, W)``."""
    return session.run({INPUT: images})[OUTPUT]
