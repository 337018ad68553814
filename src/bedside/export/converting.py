"""The port of every exporter, and the verb that calls it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bedside.base.arrays import FloatArray
from bedside.base.digest import digest_file
from bedside.base.files import write_atomic
from bedside.base.seam import Requirement, Seam, require
from bedside.base.task import TensorSpec
from bedside.compress.quantization import LayerBits, QuantizationPlan, check_rules
from bedside.export.scopes import bits_by_layer
from bedside.export.stepping import Inputs, blank_inputs, exportable, observed_inputs
from bedside.runtime.artifact import Artifact, Precision

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """What a converter is given.

    Parameters
    ----------
    observed
        Preprocessed observation cases, ``(n, *spec.shape)`` float32; the digest in `plan` is theirs.
    folder
        Where the files go.
    float_folder
        Where the float file, which an integer file is made from, is kept for further plans; None keeps it not.
    """

    model: "nn.Module"
    spec: TensorSpec
    n_classes: int
    plan: QuantizationPlan
    observed: FloatArray
    folder: Path
    float_folder: Path | None = None

    def float_file(self, name: str, write: Callable[[Path], None]) -> Path:
        """The float file that is rounded: made by `write`, or found where another plan of these weights left it."""
        if self.float_folder is None:
            write(self.folder / name)
            return self.folder / name
        from bedside.train.checkpoint import weights_digest

        path = self.float_folder / f"{weights_digest(self.model)[:16]}-{name}"
        if not path.is_file():
            self.float_folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f"unfinished-{path.name}")
            write(unfinished)
            unfinished.replace(path)
        return path

    def drop_float_file(self, path: Path) -> None:
        """Remove it unless it is kept."""
        if self.float_folder is None:
            path.unlink()

    def rounded(
        self, raw: Path, precisions: Sequence[Precision], *, round_to: Callable[[Path], None],
        cleaned: Callable[[Path], bytes],
    ) -> list[str]:  # fmt: skip
        """Write ``model_PRECISION`` of each precision, a float file `raw` or what `round_to` makes of it, cleaned."""
        names = []
        for precision in precisions:
            target = self.folder / f"model_{precision}{raw.suffix}"
            if precision == "int8":
                round_to(target)
            write_atomic(target, cleaned(target if precision == "int8" else raw))
            names.append(target.name)
        self.drop_float_file(raw)
        return names

    def captured(self) -> "nn.Module":
        """The module to capture, in evaluation mode; of a clip model one step."""
        return exportable(self.model, self.spec)

    def bits_by_layer(self) -> dict[str, LayerBits]:
        """Bit widths of every layer of the captured module, by its path there."""
        return bits_by_layer(self.plan, self.captured(), is_step=self.spec.n_frames is not None)

    def blank(self) -> Inputs:
        """Zeros of the shapes that it takes: an image ``(1, C, H, W)``, and a state ``(1, S)`` where one is carried."""
        return blank_inputs(self.model, self.spec)

    def observations(self) -> list[Inputs]:
        """What its activation ranges are observed on, batch 1 each."""
        return observed_inputs(self.model, self.spec, self.observed)


class Converter(Protocol):
    """Write the asked precisions of a model in one format; return file names in the same order."""

    requires: tuple[Requirement, ...]

    def write(self, job: ExportJob, precisions: Sequence[Precision]) -> list[str]:
        """Write the files into the job's folder."""
        ...


CONVERTERS: Seam[Converter] = Seam(
    "bedside.converters",
    {
        "litert": "bedside.export.litert:LITERT",
        "executorch": "bedside.export.executorch:EXECUTORCH",
        "onnx": "bedside.export.onnx:ONNX",
    },
)


def convert(job: ExportJob, format_: str, precisions: Sequence[Precision] = ("fp32", "int8")) -> tuple[Artifact, ...]:
    """Convert a model to one format.

    Raises
    ------
    MissingPackageError
        If the format's converter is not installed.
    InputError
        If a rule of the plan names a layer that does not exist, or the format lacks a bit width that the plan asks.
    """
    check_rules(job.plan, (path for path, _ in job.model.named_modules()))
    converter = CONVERTERS.get(format_)
    require(f"export to {format_}", converter.requires)
    job.folder.mkdir(parents=True, exist_ok=True)
    names = converter.write(job, precisions)
    return tuple(
        Artifact(
            format=format_,
            precision=precision,
            file=name,
            digest=digest_file(job.folder / name),
            size_bytes=(job.folder / name).stat().st_size,
            spec=job.spec,
            n_classes=job.n_classes,
            bit_widths=_widths(job.plan) if precision == "int8" else "",
        )
        for precision, name in zip(precisions, names, strict=True)
    )


def _widths(plan: QuantizationPlan) -> str:
    return "" if plan.label == "w8a8" else plan.label
