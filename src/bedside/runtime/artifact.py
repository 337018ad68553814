"""A model file: what it is, not where it lies."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.base.digest import Digest
from bedside.base.jsonform import OMIT_DEFAULT
from bedside.base.task import TensorSpec

Precision = Literal["fp32", "int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One file in one format.

    Parameters
    ----------
    format
        Name in the seam `RUNTIMES`: ``litert``, ``executorch``, ``onnx``.
    precision
        ``int8`` is any file with integer arithmetic, also where single layers have other widths.
    file
        File name inside its folder; never a path.
    spec
        Input of one image; `n_classes` logits come out.
    bit_widths
        Of an integer file that is not 8-bit throughout: its plan's label, such as ``w8a16``.
    """

    format: str
    precision: Precision
    file: str
    digest: Digest
    size_bytes: int
    spec: TensorSpec
    n_classes: int
    bit_widths: str = field(default="", metadata=OMIT_DEFAULT)

    @property
    def size_kib(self) -> float:
        """File size in KiB."""
        return self.size_bytes / 1024

    @property
    def name(self) -> str:
        """Short name, such as ``litert int8``."""
        return f"{self.format} {self.precision}"
