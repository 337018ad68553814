"""A model file: what it is, not where it lies."""

from dataclasses import dataclass
from typing import Literal

from bedside.base.digest import Digest
from bedside.base.task import TensorSpec

Precision = Literal["fp32", "int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One file in one format.

    Parameters
    ----------
    format
        Name in the seam `RUNTIMES`: ``litert``, ``executorch``, ``onnx``.
    file
        File name inside its folder; never a path.
    spec
        Input of one image; `n_classes` logits come out.
    """

    format: str
    precision: Precision
    file: str
    digest: Digest
    size_bytes: int
    spec: TensorSpec
    n_classes: int

    @property
    def size_kib(self) -> float:
        """File size in KiB."""
        return self.size_bytes / 1024

    @property
    def name(self) -> str:
        """Short name, such as ``litert int8``."""
        return f"{self.format} {self.precision}"
