"""The verbs that compress, pre-train and search; they need the workshop."""

from pathlib import Path
from typing import Annotated

import typer

from bedside.cli.arguments import (
    AutopilotOption,
    DeviceOption,
    DropLeaksOption,
    EnergyOption,
    FitThreadsOption,
    KeepLeaksOption,
    KeyOption,
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

shrinking_app = typer.Typer()


@shrinking_app.command(
    epilog="Example: `bedside compress nets.py:make_network --weights net.safetensors --input 1,224,224 "
    "--recipe prune-4x --data folder:xrays --out small`"
)
def compress(
    model: Annotated[str, typer.Argument(help="package.module:callable or file.py:callable.", show_default=False)],
    data: Annotated[str, typer.Option(help="medmnist:NAME, folder:DIR or phantom:ultrasound.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; also as one file.", show_default=False)],
    input_shape: Annotated[str, typer.Option("--input", help="C,H,W of the network's input.", show_default=False)],
    recipe: Annotated[str, typer.Option(help="Recipe file, or prune-2x, prune-4x, prune-8x, qat.")] = "prune-4x",
    weights: Annotated[Path | None, typer.Option(help="State dict: .safetensors or .pt.")] = None,
    mean: Annotated[float, typer.Option(help="Subtracted from pixels on the 0-255 scale.")] = 127.0,
    std: Annotated[float, typer.Option(help="Divides pixels after that.")] = 128.0,
    device: DeviceOption = "host",
    latency_ms: LatencyOption = None,
    size_kib: SizeOption = None,
    margin: MarginOption = 0.02,
    formats: Annotated[str, typer.Option(help="Comma-separated; the first carries the evidence.")] = "litert",
    preset: PresetOption = Preset.standard,
    seed: SeedOption = 0,
    threads: FitThreadsOption = 0,
    resume: ResumeOption = True,
    allow_leak: KeepLeaksOption = False,
    drop_leaks: DropLeaksOption = False,
    autopilot: AutopilotOption = True,
    positive: PositiveOption = None,
    key: KeyOption = None,
) -> None:
    """Apply a recipe to a copy of your own PyTorch network and seal it with its evidence."""
    from bedside.cli.compressing import OwnRequest, run_compress
    from bedside.cli.optimizing import Request

    run_compress(
        OwnRequest(model=model, recipe=recipe, weights=weights, input_shape=input_shape, mean=mean, std=std),
        Request(
            source=data, out=out, device=device, latency_ms=latency_ms, size_kib=size_kib, margin=margin,
            formats=formats, preset=preset.value, seed=seed, threads=threads, resume=resume, allow_leak=allow_leak,
            drop_leaks=drop_leaks, positive=positive, key=key, autopilot=autopilot,
        ),
    )  # fmt: skip


@shrinking_app.command(
    epilog="Example: `bedside pretrain medmnist:pneumoniamnist --out start.safetensors`, then "
    "`bedside optimize medmnist:pneumoniamnist --start-weights start.safetensors --out pneumonia`"
)
def pretrain(
    source: Annotated[str, typer.Argument(help="A folder of images, or a source with labels.", show_default=False)],
    out: Annotated[Path, typer.Option(help="File of the weights, .safetensors.", show_default=False)],
    family: Annotated[str, typer.Option(help="Network to pre-train, such as residual or lite0_cut5.")] = "residual",
    width: Annotated[float, typer.Option(help="Its width.")] = 1.0,
    image_px: Annotated[int, typer.Option(help="Side of the model's input, where images are larger.")] = 96,
    epochs: Annotated[int, typer.Option(help="Passes over the images.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="Seed; the one of the later optimize, whose split it decides.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads; 0 means every core.")] = 0,
    option: SourceOptions = None,
) -> None:
    """Learn start weights from unlabelled images of your own modality."""
    from bedside.cli.pretraining import PretrainRequest, run_pretrain
    from bedside.cli.source_options import source_options

    run_pretrain(
        PretrainRequest(source=source, out=out, family=family, width=width, image_px=image_px, n_epochs=epochs,
                        seed=seed, threads=threads, options=source_options(option))
    )  # fmt: skip


@shrinking_app.command(
    epilog="Examples: `bedside search folder:xrays --latency-ms 2 --size-kib 200 --trials 80 --out small`; "
    "`bedside search medmnist:breastmnist --sampler nsga2 --costs latency,size,energy --search-only --out front`; "
    "`bedside search folder:xrays --families residual,depthwise --quality fit --ray auto --out small`. "
    "The same command goes on where it was stopped; with more --trials it goes on from there."
)
def search(
    source: Annotated[str, typer.Argument(help="medmnist:NAME, folder:DIR, phantom:ultrasound.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; the search lies in OUT.work/search.")],
    device: DeviceOption = "host",
    latency_ms: LatencyOption = None,
    size_kib: SizeOption = None,
    memory_mib: MemoryOption = None,
    energy_mj: EnergyOption = None,
    trials: Annotated[int, typer.Option(help="Trials at most.", min=1)] = 60,
    sampler: Annotated[str, typer.Option(help="tpe, nsga2 (evolutionary) or random.")] = "tpe",
    costs: Annotated[str, typer.Option(help="Objectives beside quality: latency,size,memory,energy.")] = "latency,size",
    families: Annotated[str, typer.Option(help="elastic (gene by gene), residual, depthwise, fire, ...")] = "elastic",
    blocks: Annotated[str, typer.Option(help="Of elastic: inverted, residual, ghost, fire, rep.")] = "",
    gates: Annotated[str, typer.Option(help="Of elastic: none, se, eca, cbam, coord.")] = "",
    resolutions: Annotated[str, typer.Option(help="Input sides in px; by default all, 3/4 and 1/2.")] = "",
    quality: Annotated[str, typer.Option(help="supernet (shared weights), or fit (a short fit each).")] = "supernet",
    supernet_images: Annotated[int, typer.Option(help="Images that the supernet sees.", min=1)] = 120_000,
    fit_epochs: Annotated[int, typer.Option(help="Epochs of a short fit.", min=1)] = 8,
    kept: Annotated[str, typer.Option(help="Shares of the work that pruning may leave, such as 0.25,0.5,1.")] = "1",
    precisions: Annotated[str, typer.Option(help="int8, fp32, or both: int8,fp32.")] = "int8",
    batch: Annotated[int, typer.Option(help="Trials asked for at once.", min=1)] = 4,
    patience: Annotated[int, typer.Option(help="Trials without a gain after which it ends.", min=1)] = 40,
    measured: Annotated[int, typer.Option(help="Files measured before the final front.", min=0)] = 24,
    finalists: Annotated[int, typer.Option(help="Candidates of the front that are fitted in full.", min=1)] = 3,
    ray: Annotated[str | None, typer.Option(help="Address of a running Ray cluster that fits candidates.")] = None,
    search_only: Annotated[bool, typer.Option("--search-only", help="End with the front; seal no bundle.")] = False,
    margin: MarginOption = 0.02,
    formats: Annotated[str, typer.Option(help="Comma-separated; files of the first are measured.")] = "litert",
    preset: PresetOption = Preset.standard,
    seed: SeedOption = 0,
    threads: FitThreadsOption = 0,
    resume: ResumeOption = True,
    allow_leak: KeepLeaksOption = False,
    drop_leaks: DropLeaksOption = False,
    positive: PositiveOption = None,
    image_px: Annotated[int | None, typer.Option(help="Largest side of the input, where images are larger.")] = None,
    reference: Annotated[str | None, typer.Option(help="Family of the reference.")] = None,
    option: SourceOptions = None,
    key: KeyOption = None,
) -> None:
    """Search for networks under hardware limits, and seal the best with its evidence."""
    from bedside.cli.optimizing import Request
    from bedside.cli.searching import SearchRequest, run_search

    run_search(
        SearchRequest(
            n_trials=trials, sampler=sampler, costs=costs, families=families, blocks=blocks, gates=gates,
            resolutions=resolutions, quality=quality,
            supernet_images=supernet_images, fit_epochs=fit_epochs, kept_fracs=kept, precisions=precisions,
            batch=batch, patience=patience,
            n_measured=measured, n_finalists=finalists, ray=ray, ships=not search_only,
        ),
        Request(
            source=source, out=out, device=device, latency_ms=latency_ms, size_kib=size_kib, memory_mib=memory_mib,
            energy_mj=energy_mj, margin=margin, formats=formats, preset=preset.value, seed=seed, threads=threads,
            resume=resume, allow_leak=allow_leak, drop_leaks=drop_leaks, positive=positive, image_px=image_px,
            reference=reference, options=tuple(option or ()), key=key,
        ),
    )  # fmt: skip
