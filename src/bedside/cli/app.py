"""The command `bedside`: one function a verb; what a verb needs is imported when it is used."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bedside.base.errors import INTERRUPTED_EXIT_CODE, BedsideError
from bedside.cli.data_verbs import data_app

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


class Shape(StrEnum):
    """How predictions are written."""

    table = "table"
    json = "json"
    csv = "csv"


BundleArgument = Annotated[Path, typer.Argument(help="Bundle folder or .bedside file.", show_default=False)]
TrustOption = Annotated[str | None, typer.Option("--trust", help="Public key or fingerprint that must have signed.")]
FormatOption = Annotated[str | None, typer.Option("--format", help="Model format: litert, executorch or onnx.")]
PrecisionOption = Annotated[str | None, typer.Option(help="Precision: int8 or fp32.")]


@app.command(
    epilog="Examples: `bedside optimize medmnist:pneumoniamnist --drop-leaks --size-kib 300 --out pneumonia`; "
    "`bedside optimize folder:xrays --positive fracture --latency-ms 5 --out fracture`"
)
def optimize(
    source: Annotated[str, typer.Argument(help="medmnist:NAME, folder:DIR or phantom:ultrasound.", show_default=False)],
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
) -> None:
    """Predict images with a bundle. Needs no torch."""
    from bedside.cli.predicting import run_predict

    run_predict(bundle, files, shape.value, format_, precision, trust, threads)


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
    epilog="Examples: `bedside explain demo-bundle chest.png --out maps`; "
    "`bedside explain demo-bundle --data folder:other-site --out gaze`"
)
def explain(
    bundle: BundleArgument,
    files: Annotated[list[Path] | None, typer.Argument(help="Images to map.", show_default=False)] = None,
    data: Annotated[str | None, typer.Option(help="Cohort on which int8 and fp32 files are compared.")] = None,
    method: Annotated[str, typer.Option(help="How a map is made: occlusion or rise.")] = "occlusion",
    out: Annotated[Path, typer.Option(help="Folder of what is written.")] = Path("explained"),
    cases: Annotated[int, typer.Option(help="With --data: at most so many cases.", min=1)] = 200,
    margin: Annotated[float, typer.Option(help="With --data: change of the hit rate that is of no matter.")] = 0.1,
    positive: Annotated[str | None, typer.Option(help="With --data: name of the class that is looked for.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the choice of cases.")] = 0,
    trust: TrustOption = None,
    threads: Annotated[int, typer.Option(help="Threads of the runtime.")] = 1,
) -> None:
    """Show where a bundle's model looks in images, or whether int8 moved its gaze on a cohort. Needs no torch."""
    from bedside.cli.explaining import GazeRequest, run_explain, run_gaze

    if data is None:
        run_explain(bundle, files or [], method, out, trust, threads)
    else:
        run_gaze(
            GazeRequest(
                bundle=bundle, data=data, files=tuple(files or ()), method=method, out=out, n_cases=cases,
                margin=margin, positive=positive, seed=seed, trust=trust, threads=threads,
            )
        )  # fmt: skip


@app.command(
    epilog="Examples: `bedside report demo-bundle --pdf report.pdf`; `bedside report demo-bundle --pack demo-pack`"
)
def report(
    bundle: BundleArgument,
    pdf: Annotated[Path | None, typer.Option(help="Print the report to this PDF; needs Chromium or Chrome.")] = None,
    pack: Annotated[Path | None, typer.Option(help="Lay the evidence pack out in this new folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every number of the report as JSON.")] = False,
    in_browser: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    trust: TrustOption = None,
) -> None:
    """Read the evidence report: short table, PDF, JSON, browser, or the pack for a reviewer."""
    from bedside.cli.reporting import ReportRequest, run_report

    run_report(bundle, ReportRequest(pdf=pdf, pack=pack, as_json=as_json, in_browser=in_browser), trust)


@app.command(
    epilog="Example: `bedside robustness demo-bundle --data medmnist:pneumoniamnist --severity 1,3,5 --attack square "
    "--plot robustness.html`"
)
def robustness(
    bundle: BundleArgument,
    data: Annotated[
        str, typer.Option("--data", help="medmnist:NAME, folder:DIR or phantom:ultrasound.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option(help="Every figure with its interval, as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Charts, as one HTML page.")] = None,
    severity: Annotated[str, typer.Option(help="Severities of the corruptions, 1 to 5.")] = "1,2,3,4,5",
    modality: Annotated[
        str | None, typer.Option(help="xray, ultrasound, mri, ct, camera or general, where the data does not say.")
    ] = None,
    attack: Annotated[str | None, typer.Option(help="square: a gradient-free attack on the file itself.")] = None,
    eps: Annotated[str, typer.Option(help="Sizes of the attack, in grey levels of 255.")] = "1,2,4,8,16,32",
    queries: Annotated[int, typer.Option(help="Runs of the model that each attacked image may cost.", min=1)] = 300,
    attack_images: Annotated[int, typer.Option(help="Images that are attacked, at most.", min=1)] = 100,
    positive: Annotated[str | None, typer.Option(help="Name of the class that is looked for.")] = None,
    trust: TrustOption = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Try spoilt, odd and hostile images on a bundle, its fp32 model beside it. Needs no torch."""
    from bedside.cli.stressing import StressRequest, run_robustness

    run_robustness(
        StressRequest(
            bundle=bundle, data=data, out=out, plot=plot, severities=severity, modality=modality, attack=attack,
            eps=eps, queries=queries, attack_images=attack_images, positive=positive, trust=trust, seed=seed,
        )
    )  # fmt: skip


@app.command(
    epilog="Example: `bedside evaluate demo-bundle --data folder:new-site --prevalence 0.02 --by sex --by view`"
)
def evaluate(
    bundle: BundleArgument,
    data: Annotated[
        str, typer.Option("--data", help="Labelled cases: folder:DIR or medmnist:NAME.", show_default=False)
    ],
    site: Annotated[str, typer.Option(help="What the site is called in the output.")] = "",
    part: Annotated[str | None, typer.Option(help="Only the cases of one part of the source, such as test.")] = None,
    prevalence: Annotated[float | None, typer.Option(help="Also re-weight PPV and NPV to this share of ill.")] = None,
    by: Annotated[list[str] | None, typer.Option(help="Column of metadata.csv whose groups are scored apart.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write every figure to this JSON file.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the resamples.")] = 0,
    format_: FormatOption = None,
    precision: PrecisionOption = None,
    trust: TrustOption = None,
    threads: Annotated[int, typer.Option(help="Threads of the runtime.")] = 1,
) -> None:
    """Evaluate a bundle on labelled cases of another site. Needs no torch."""
    from bedside.cli.evaluating import run_evaluate

    run_evaluate(
        bundle, data, site=site, part=part, prevalence=prevalence, by=by or [], out=out, seed=seed, format_=format_,
        precision=precision, trust=trust, threads=threads,
    )  # fmt: skip


@app.command(epilog="Example: `bedside compare old-bundle new-bundle --data folder:new-site --margin 0.02`")
def compare(
    bundles: Annotated[list[Path], typer.Argument(help="Two or more bundles.", show_default=False)],
    data: Annotated[
        str, typer.Option("--data", help="Labelled cases: folder:DIR or medmnist:NAME.", show_default=False)
    ],
    part: Annotated[str | None, typer.Option(help="Only the cases of one part of the source, such as test.")] = None,
    margin: Annotated[float, typer.Option(help="Margin in AUROC of the verdicts, set before you look.")] = 0.02,
    out: Annotated[Path | None, typer.Option(help="Also write every figure to this JSON file.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the resamples.")] = 0,
    trust: TrustOption = None,
    threads: Annotated[int, typer.Option(help="Threads of the runtime.")] = 1,
) -> None:
    """Put bundles side by side on the same cases, with paired tests. Needs no torch."""
    from bedside.cli.evaluating import run_compare

    run_compare(bundles, data, part=part, margin=margin, out=out, seed=seed, trust=trust, threads=threads)


app.add_typer(data_app, name="data")


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
