"""The verbs that make a bundle, or what one begins with; they need the workshop."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bedside.cli.arguments import (
    AutopilotOption,
    DeviceOption,
    EnergyOption,
    FitThreadsOption,
    KeyOption,
    LabelsOption,
    LatencyOption,
    MarginOption,
    MemoryOption,
    PositiveOption,
    Preset,
    PresetOption,
    ResumeOption,
    SeedOption,
    SizeOption,
    SourceOptions,
)

making_app = typer.Typer()


class Fit(StrEnum):
    """How an image comes to the model's size."""

    letterbox = "letterbox"
    squash = "squash"
    crop = "crop"
    foreground = "foreground"


@making_app.command(
    epilog="Examples: `bedside optimize medmnist:pneumoniamnist --drop-leaks --size-kib 300 --out pneumonia`; "
    "`bedside optimize folder:xrays --positive fracture --latency-ms 5 --out fracture`"
)
def optimize(
    source: Annotated[
        str, typer.Argument(help="medmnist:NAME, folder:DIR, dicom:DIR, phantom:ultrasound, ...", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; also as one file, OUT.bedside.", show_default=False)],
    device: DeviceOption = "host",
    latency_ms: LatencyOption = None,
    size_kib: SizeOption = None,
    memory_mib: MemoryOption = None,
    energy_mj: EnergyOption = None,
    target_sensitivity: Annotated[
        float | None, typer.Option(help="Sensitivity that the threshold must reach on tuning.")
    ] = None,
    margin: MarginOption = 0.02,
    formats: Annotated[
        str, typer.Option(help="Comma-separated; the evidence is about the first one.")
    ] = "litert,executorch,onnx",
    preset: PresetOption = Preset.standard,
    seed: SeedOption = 0,
    threads: FitThreadsOption = 0,
    resume: ResumeOption = True,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help="Keep leaking cases; the report says so in red.")
    ] = False,
    drop_leaks: Annotated[
        bool, typer.Option("--drop-leaks", help="Remove leaking cases from the less protected part.")
    ] = False,
    positive: PositiveOption = None,
    image_px: Annotated[int | None, typer.Option(help="Side of the model's input, where images are larger.")] = None,
    reference: Annotated[str | None, typer.Option(help="Family of the reference, such as timm:convnext_tiny.")] = None,
    labels: LabelsOption = None,
    option: SourceOptions = None,
    window: Annotated[str | None, typer.Option(help="lung, bone, brain, 'soft tissue', or CENTRE,WIDTH.")] = None,
    enhance: Annotated[str | None, typer.Option(help="Steps such as sector,clahe:tiles=4; see the docs.")] = None,
    spacing_mm: Annotated[str | None, typer.Option(help="Resample to this spacing: one number, or z,y,x.")] = None,
    fit: Annotated[Fit, typer.Option(help="foreground cuts the dark border off, in training and at the bedside.")] = (
        Fit.letterbox
    ),
    recipe: Annotated[
        list[str] | None, typer.Option(help="Recipe to try in place of the proposed candidates; may be repeated.")
    ] = None,
    adversarial_eps: Annotated[
        float, typer.Option(help="Grey levels of adversarial training of the small models; 0 is ordinary training.")
    ] = 0.0,
    start_weights: Annotated[Path | None, typer.Option(help="Weights to start from, where they fit.")] = None,
    teachers: Annotated[int, typer.Option(help="References of different seeds that teach together.")] = 1,
    autopilot: AutopilotOption = True,
    key: KeyOption = None,
) -> None:
    """Turn a cohort and a device budget into a signed, verified bundle with its evidence."""
    from bedside.cli.optimizing import Request, run_optimize

    run_optimize(
        Request(
            source=source, out=out, device=device, latency_ms=latency_ms, size_kib=size_kib, memory_mib=memory_mib,
            energy_mj=energy_mj, target_sensitivity=target_sensitivity, margin=margin, formats=formats,
            preset=preset.value, seed=seed, threads=threads, resume=resume, allow_leak=allow_leak,
            drop_leaks=drop_leaks, positive=positive, image_px=image_px, reference=reference, key=key,
            labels=labels, options=tuple(option or ()), window=window, enhance=enhance, spacing_mm=spacing_mm,
            recipes=tuple(recipe or ()), adversarial_eps=adversarial_eps, start_weights=start_weights,
            n_teachers=teachers, autopilot=autopilot, fit=fit.value,
        )
    )  # fmt: skip


@making_app.command(epilog="Example: `bedside demo --out demo-bundle`")
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("demo-bundle"),
    preset: PresetOption = Preset.quick,
    threads: FitThreadsOption = 0,
) -> None:
    """Run the main job on real chest X-rays, or on a phantom where they cannot be had."""
    from bedside.cli.demonstrating import run_demo

    run_demo(out, preset.value, threads)
