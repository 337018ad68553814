"""Arguments and options that several verbs share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Preset(StrEnum):
    """Amounts of work."""

    quick = "quick"
    standard = "standard"
    thorough = "thorough"


BundleArgument = Annotated[Path, typer.Argument(help="Bundle folder or .bedside file.", show_default=False)]
TrustOption = Annotated[str | None, typer.Option("--trust", help="Public key or fingerprint that must have signed.")]
FormatOption = Annotated[str | None, typer.Option("--format", help="Model format: litert, executorch or onnx.")]
PrecisionOption = Annotated[str | None, typer.Option(help="Precision: int8 or fp32.")]

DeviceOption = Annotated[str, typer.Option(help="Device of the budget; see bedside doctor.")]
LatencyOption = Annotated[float | None, typer.Option(help="Ceiling for the p90 latency of one image.")]
SizeOption = Annotated[float | None, typer.Option(help="Ceiling for the model file.")]
MemoryOption = Annotated[float | None, typer.Option(help="Ceiling for the peak memory of the model.")]
EnergyOption = Annotated[float | None, typer.Option(help="Ceiling for the energy of one image.")]
MarginOption = Annotated[float, typer.Option(help="Non-inferiority margin in AUROC.")]
PresetOption = Annotated[Preset, typer.Option(help="Amount of work.")]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random.")]
FitThreadsOption = Annotated[int, typer.Option(help="Training threads; 0 means every core.")]
RuntimeThreadsOption = Annotated[int, typer.Option(help="Threads of the runtime.")]
ResumeOption = Annotated[bool, typer.Option("--resume/--fresh", help="Go on from the journal, or start again.")]
PositiveOption = Annotated[str | None, typer.Option(help="Name of the class that is looked for.")]
SourceOptions = Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the source; may be repeated.")]
LabelsOption = Annotated[Path | None, typer.Option(help="CSV of labels, for dicom:DIR.")]
KeyOption = Annotated[Path | None, typer.Option(help="Ed25519 private key (PEM) that signs.")]
KeepLeaksOption = Annotated[bool, typer.Option("--allow-leak", help="Keep leaking cases.")]
DropLeaksOption = Annotated[bool, typer.Option("--drop-leaks", help="Remove leaking cases.")]
AutopilotOption = Annotated[bool, typer.Option("--autopilot/--no-autopilot", help="Mend an int8 file that is refused.")]
PartOption = Annotated[str | None, typer.Option(help="Only the cases of one part of the source, such as test.")]
FiguresOption = Annotated[Path | None, typer.Option(help="Also write every figure to this JSON file.")]
ResamplesSeedOption = Annotated[int, typer.Option(help="Seed of the resamples.")]
