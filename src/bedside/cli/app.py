"""The command `bedside`: one function a verb; what a verb needs is imported when it is used."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bedside.base.errors import INTERRUPTED_EXIT_CODE, BedsideError
from bedside.cli.arguments import BundleArgument, FormatOption, PrecisionOption, TrustOption
from bedside.cli.data_verbs import data_app
from bedside.cli.evidence_verbs import evidence_app

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Medical images and a device budget in; a small, verified, signed model for the point of care out.",
    epilog="Start with: `bedside optimize phantom:ultrasound --preset quick --out my-bundle`",
)


class Preset(StrEnum):
    """Amounts of work."""

    quick = "quick"
    standard = "standard"
    thorough = "thorough"


class Fit(StrEnum):
    """How an image comes to the model's size."""

    letterbox = "letterbox"
    squash = "squash"
    crop = "crop"
    foreground = "foreground"


class Shape(StrEnum):
    """How predictions are written."""

    table = "table"
    json = "json"
    csv = "csv"


@app.command(
    epilog="Examples: `bedside optimize medmnist:pneumoniamnist --drop-leaks --size-kib 300 --out pneumonia`; "
    "`bedside optimize folder:xrays --positive fracture --latency-ms 5 --out fracture`"
)
def optimize(
    source: Annotated[
        str, typer.Argument(help="medmnist:NAME, folder:DIR, dicom:DIR, phantom:ultrasound, ...", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; also as one file, OUT.bedside.", show_default=False)],
    device: Annotated[str, typer.Option(help="Device of the budget; see bedside doctor.")] = "host",
    latency_ms: Annotated[float | None, typer.Option(help="Ceiling for the p90 latency of one image.")] = None,
    size_kib: Annotated[float | None, typer.Option(help="Ceiling for the model file.")] = None,
    memory_mib: Annotated[float | None, typer.Option(help="Ceiling for the peak memory of the model.")] = None,
    energy_mj: Annotated[float | None, typer.Option(help="Ceiling for the energy of one image.")] = None,
    target_sensitivity: Annotated[
        float | None, typer.Option(help="Sensitivity that the threshold must reach on tuning.")
    ] = None,
    margin: Annotated[float, typer.Option(help="Non-inferiority margin in AUROC.")] = 0.02,
    formats: Annotated[
        str, typer.Option(help="Comma-separated; the evidence is about the first one.")
    ] = "litert,executorch,onnx",
    preset: Annotated[Preset, typer.Option(help="Amount of work.")] = Preset.standard,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    threads: Annotated[int, typer.Option(help="Training threads; 0 means every core.")] = 0,
    resume: Annotated[bool, typer.Option("--resume/--fresh", help="Go on from the journal, or start again.")] = True,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help="Keep leaking cases; the report says so in red.")
    ] = False,
    drop_leaks: Annotated[
        bool, typer.Option("--drop-leaks", help="Remove leaking cases from the less protected part.")
    ] = False,
    positive: Annotated[str | None, typer.Option(help="Name of the class that is looked for.")] = None,
    image_px: Annotated[int | None, typer.Option(help="Side of the model's input, where images are larger.")] = None,
    reference: Annotated[str | None, typer.Option(help="Family of the reference, such as timm:convnext_tiny.")] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV of labels, for dicom:DIR.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the source; may be repeated.")] = None,
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
    autopilot: Annotated[
        bool, typer.Option("--autopilot/--no-autopilot", help="Mend an int8 file that is refused.")
    ] = True,
    key: Annotated[Path | None, typer.Option(help="Ed25519 private key (PEM) that signs.")] = None,
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


@app.command(epilog="Example: `bedside demo --out demo-bundle`")
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("demo-bundle"),
    preset: Annotated[Preset, typer.Option(help="Amount of work.")] = Preset.quick,
    threads: Annotated[int, typer.Option(help="Training threads; 0 means every core.")] = 0,
) -> None:
    """Run the main job on real chest X-rays, or on a phantom where they cannot be had."""
    from bedside.cli.demonstrating import run_demo

    run_demo(out, preset.value, threads)


@app.command(epilog="Example: `bedside predict demo-bundle chest.png --as json`")
def predict(
    bundle: BundleArgument,
    files: Annotated[list[Path], typer.Argument(help="PNG, JPEG or single-frame DICOM files.", show_default=False)],
    shape: Annotated[Shape, typer.Option("--as", help="How predictions are written.")] = Shape.table,
    format_: FormatOption = None,
    precision: PrecisionOption = None,
    trust: TrustOption = None,
    threads: Annotated[int, typer.Option(help="Threads of the runtime.")] = 1,
    abstain: Annotated[bool, typer.Option("--abstain", help="Refer an image whose call is too unsure.")] = False,
    max_error: Annotated[
        float, typer.Option(help="Share of wrong answers that --abstain must keep: 0.01, 0.02, 0.05, 0.1 or 0.2.")
    ] = 0.05,
    masks: Annotated[
        Path | None,
        typer.Option(help="Write outlines here on each file's own grid: PNG; of volumes NIfTI.", show_default=False),
    ] = None,
) -> None:
    """Predict images with a bundle. Needs no torch."""
    from bedside.cli.predicting import run_predict

    run_predict(bundle, files, shape.value, format_, precision, trust, threads, abstain, max_error, masks)


@app.command(epilog="Example: `bedside verify demo-bundle.bedside --trust 3f2a9c0d11e4b875`")
def verify(bundle: BundleArgument, trust: TrustOption = None) -> None:
    """Check digests, signature and schema, and replay the golden inputs on this machine."""
    from bedside.cli.verifying import run_verify

    run_verify(bundle, trust)


@app.command(epilog="Example: `bedside profile demo-bundle --runs 200`")
def profile(
    bundle: BundleArgument,
    format_: FormatOption = None,
    precision: PrecisionOption = None,
    runs: Annotated[int, typer.Option(help="Timed runs (at least 50).", min=50)] = 100,
    trust: TrustOption = None,
) -> None:
    """Measure latency, memory, energy and size on this machine."""
    from bedside.cli.verifying import run_profile

    run_profile(bundle, format_, precision, runs, trust)


@app.command(epilog="Example: `bedside show demo-bundle`")
def show(bundle: BundleArgument, trust: TrustOption = None) -> None:
    """Show the model card in the terminal."""
    from bedside.cli.verifying import run_show

    run_show(bundle, trust)


@app.command(
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
    device: Annotated[str, typer.Option(help="Device of the budget; see bedside doctor.")] = "host",
    latency_ms: Annotated[float | None, typer.Option(help="Ceiling for the p90 latency of one image.")] = None,
    size_kib: Annotated[float | None, typer.Option(help="Ceiling for the model file.")] = None,
    margin: Annotated[float, typer.Option(help="Non-inferiority margin in AUROC.")] = 0.02,
    formats: Annotated[str, typer.Option(help="Comma-separated; the first carries the evidence.")] = "litert",
    preset: Annotated[Preset, typer.Option(help="Amount of work.")] = Preset.standard,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    threads: Annotated[int, typer.Option(help="Training threads; 0 means every core.")] = 0,
    resume: Annotated[bool, typer.Option("--resume/--fresh", help="Go on from the journal, or start again.")] = True,
    allow_leak: Annotated[bool, typer.Option("--allow-leak", help="Keep leaking cases.")] = False,
    drop_leaks: Annotated[bool, typer.Option("--drop-leaks", help="Remove leaking cases.")] = False,
    autopilot: Annotated[
        bool, typer.Option("--autopilot/--no-autopilot", help="Mend an int8 file that is refused.")
    ] = True,
    positive: Annotated[str | None, typer.Option(help="Name of the class that is looked for.")] = None,
    key: Annotated[Path | None, typer.Option(help="Ed25519 private key (PEM) that signs.")] = None,
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


app.add_typer(evidence_app)
app.add_typer(data_app, name="data")


@app.command(
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
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the source; may be repeated.")] = None,
) -> None:
    """Learn start weights from unlabelled images of your own modality."""
    from bedside.cli.pretraining import PretrainRequest, run_pretrain
    from bedside.cli.source_options import source_options

    run_pretrain(
        PretrainRequest(source=source, out=out, family=family, width=width, image_px=image_px, n_epochs=epochs,
                        seed=seed, threads=threads, options=source_options(option))
    )  # fmt: skip


@app.command(
    epilog="Examples: `bedside search folder:xrays --latency-ms 2 --size-kib 200 --trials 80 --out small`; "
    "`bedside search medmnist:breastmnist --sampler nsga2 --costs latency,size,energy --search-only --out front`; "
    "`bedside search folder:xrays --families residual,depthwise --quality fit --ray auto --out small`. "
    "The same command goes on where it was stopped; with more --trials it goes on from there."
)
def search(
    source: Annotated[str, typer.Argument(help="medmnist:NAME, folder:DIR, phantom:ultrasound.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; the search lies in OUT.work/search.")],
    device: Annotated[str, typer.Option(help="Device of the budget; see bedside doctor.")] = "host",
    latency_ms: Annotated[float | None, typer.Option(help="Ceiling for the p90 latency of one image.")] = None,
    size_kib: Annotated[float | None, typer.Option(help="Ceiling for the model file.")] = None,
    memory_mib: Annotated[float | None, typer.Option(help="Ceiling for the peak memory of the model.")] = None,
    energy_mj: Annotated[float | None, typer.Option(help="Ceiling for the energy of one image.")] = None,
    trials: Annotated[int, typer.Option(help="Trials at most.", min=1)] = 60,
    sampler: Annotated[str, typer.Option(help="tpe, nsga2 (evolutionary) or random.")] = "tpe",
    costs: Annotated[str, typer.Option(help="Objectives beside quality: latency,size,memory,energy.")] = "latency,size",
    families: Annotated[str, typer.Option(help="elastic (gene by gene), residual, depthwise, fire, ...")] = "elastic",
    resolutions: Annotated[str, typer.Option(help="Input sides in px; by default all, 3/4 and 1/2.")] = "",
    quality: Annotated[str, typer.Option(help="supernet (shared weights), or fit (a short fit each).")] = "supernet",
    supernet_images: Annotated[int, typer.Option(help="Images that the supernet sees.", min=1)] = 120_000,
    fit_epochs: Annotated[int, typer.Option(help="Epochs of a short fit.", min=1)] = 8,
    kept: Annotated[str, typer.Option(help="Shares of the work that pruning may leave, such as 0.25,0.5,1.")] = "1",
    batch: Annotated[int, typer.Option(help="Trials asked for at once.", min=1)] = 4,
    patience: Annotated[int, typer.Option(help="Trials without a gain after which it ends.", min=1)] = 40,
    measured: Annotated[int, typer.Option(help="Files measured before the final front.", min=0)] = 24,
    finalists: Annotated[int, typer.Option(help="Candidates of the front that are fitted in full.", min=1)] = 3,
    ray: Annotated[str | None, typer.Option(help="Address of a running Ray cluster that fits candidates.")] = None,
    search_only: Annotated[bool, typer.Option("--search-only", help="End with the front; seal no bundle.")] = False,
    margin: Annotated[float, typer.Option(help="Non-inferiority margin in AUROC.")] = 0.02,
    formats: Annotated[str, typer.Option(help="Comma-separated; files of the first are measured.")] = "litert",
    preset: Annotated[Preset, typer.Option(help="Amount of work.")] = Preset.standard,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    threads: Annotated[int, typer.Option(help="Training threads; 0 means every core.")] = 0,
    resume: Annotated[bool, typer.Option("--resume/--fresh", help="Go on from the journal, or start again.")] = True,
    allow_leak: Annotated[bool, typer.Option("--allow-leak", help="Keep leaking cases.")] = False,
    drop_leaks: Annotated[bool, typer.Option("--drop-leaks", help="Remove leaking cases.")] = False,
    positive: Annotated[str | None, typer.Option(help="Name of the class that is looked for.")] = None,
    image_px: Annotated[int | None, typer.Option(help="Largest side of the input, where images are larger.")] = None,
    reference: Annotated[str | None, typer.Option(help="Family of the reference.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the source; may be repeated.")] = None,
    key: Annotated[Path | None, typer.Option(help="Ed25519 private key (PEM) that signs.")] = None,
) -> None:
    """Search for networks under hardware limits, and seal the best with its evidence."""
    from bedside.cli.optimizing import Request
    from bedside.cli.searching import SearchRequest, run_search

    run_search(
        SearchRequest(
            n_trials=trials, sampler=sampler, costs=costs, families=families, resolutions=resolutions, quality=quality,
            supernet_images=supernet_images, fit_epochs=fit_epochs, kept_fracs=kept, batch=batch, patience=patience,
            n_measured=measured, n_finalists=finalists, ray=ray, ships=not search_only,
        ),
        Request(
            source=source, out=out, device=device, latency_ms=latency_ms, size_kib=size_kib, memory_mib=memory_mib,
            energy_mj=energy_mj, margin=margin, formats=formats, preset=preset.value, seed=seed, threads=threads,
            resume=resume, allow_leak=allow_leak, drop_leaks=drop_leaks, positive=positive, image_px=image_px,
            reference=reference, options=tuple(option or ()), key=key,
        ),
    )  # fmt: skip


@app.command(epilog="Example: `bedside cascade small.bedside large.bedside folder:xrays --out cascade.json`")
def cascade(
    small: Annotated[Path, typer.Argument(help="Bundle of the smaller input; it runs first.", show_default=False)],
    large: Annotated[Path, typer.Argument(help="Bundle that runs where the first is unsure.", show_default=False)],
    source: Annotated[str, typer.Argument(help="Cohort of both, such as folder:DIR.", show_default=False)],
    out: Annotated[Path, typer.Option(help="JSON file of the cascade.")] = Path("cascade.json"),
    margin: Annotated[float, typer.Option(help="Non-inferiority margin in AUROC.")] = 0.02,
    seed: Annotated[int, typer.Option(help="Seed of the split of data that neither bundle was made from.")] = 0,
    trust: TrustOption = None,
    threads: Annotated[int, typer.Option(help="Threads of the runtime.")] = 1,
) -> None:
    """Run a small input first and a larger one only where needed; locked on tuning, judged once on the test part."""
    from bedside.cli.cascading import run_cascade

    run_cascade(small, large, source, out=out, margin=margin, seed=seed, trust=trust, threads=threads)


@app.command(epilog="Example: `bedside doctor`")
def doctor() -> None:
    """Say what is installed and what is not, with the pip line, and test each runtime."""
    from bedside.cli.doctoring import run_doctor

    run_doctor()


@app.callback(invoke_without_command=True)
def front(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    """Show the version where it is asked for."""
    if version:
        from bedside.base.version import VERSION

        typer.echo(f"bedside {VERSION}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command; every error that bedside raises on purpose ends in its own exit code."""
    try:
        code = app(standalone_mode=False)
    except BedsideError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say_stopped()
    except Exception as error:
        _raise_unless_usage(error)
    if code == INTERRUPTED_EXIT_CODE:  # Typer turns Ctrl-C into the exit code of a command that was not raised
        _say_stopped()
    sys.exit(code or 0)


def _complain(error: BedsideError) -> None:
    typer.secho(f"error: {error.message}", fg="red", err=True)
    if error.expected:
        typer.echo(f"  expected: {error.expected}", err=True)
    if error.hint:
        typer.echo(f"  next:     {error.hint}", err=True)


def _raise_unless_usage(error: Exception) -> NoReturn:
    """Usage errors know how to show themselves; anything else is a defect and keeps its traceback."""
    if isinstance(error, typer.Exit):
        sys.exit(error.exit_code)
    if isinstance(error, typer.Abort):
        _say_stopped()
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if show is None or code is None:
        raise error
    show()
    sys.exit(code)


def _say_stopped() -> NoReturn:
    typer.echo("\nstopped; what was finished is kept: run the same command again to go on", err=True)
    sys.exit(INTERRUPTED_EXIT_CODE)
