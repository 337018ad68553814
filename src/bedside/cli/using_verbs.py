"""The verbs that run a finished bundle; none needs torch."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bedside.cli.arguments import (
    BundleArgument,
    FormatOption,
    LabelsOption,
    MarginOption,
    PrecisionOption,
    RuntimeThreadsOption,
    SourceOptions,
    TrustOption,
)

using_app = typer.Typer()


class Shape(StrEnum):
    """How predictions are written."""

    table = "table"
    json = "json"
    csv = "csv"


@using_app.command(
    epilog="Examples: `bedside predict demo-bundle chest.png --as json`; "
    "`bedside predict organ scan.nii.gz --masks outlines`; "
    "`bedside predict large.bedside a.png --first small.bedside --cascade cascade.json`"
)
def predict(
    bundle: BundleArgument,
    files: Annotated[list[Path], typer.Argument(help="PNG, JPEG or single-frame DICOM files.", show_default=False)],
    shape: Annotated[Shape, typer.Option("--as", help="How predictions are written.")] = Shape.table,
    format_: FormatOption = None,
    precision: PrecisionOption = None,
    trust: TrustOption = None,
    threads: RuntimeThreadsOption = 1,
    abstain: Annotated[bool, typer.Option("--abstain", help="Refer an image whose call is too unsure.")] = False,
    max_error: Annotated[
        float, typer.Option(help="Share of wrong answers that --abstain must keep: 0.01, 0.02, 0.05, 0.1 or 0.2.")
    ] = 0.05,
    masks: Annotated[
        Path | None,
        typer.Option(help="Write outlines here on each file's own grid: PNG; of volumes NIfTI.", show_default=False),
    ] = None,
    first: Annotated[
        Path | None, typer.Option(help="Bundle of a smaller input that runs first; with --cascade.", show_default=False)
    ] = None,
    cascade: Annotated[
        Path | None, typer.Option(help="What `bedside cascade` wrote for both bundles.", show_default=False)
    ] = None,
) -> None:
    """Predict images with a bundle, or with two in a row. Needs no torch."""
    from bedside.cli.predicting import run_predict

    run_predict(
        bundle, files, shape.value, format_, precision, trust, threads, abstain, max_error, masks, first, cascade
    )


@using_app.command(epilog="Example: `bedside verify demo-bundle.bedside --trust 3f2a9c0d11e4b875`")
def verify(bundle: BundleArgument, trust: TrustOption = None) -> None:
    """Check digests, signature and schema, and replay the golden inputs on this machine."""
    from bedside.cli.verifying import run_verify

    run_verify(bundle, trust)


@using_app.command(epilog="Example: `bedside profile demo-bundle --runs 200`")
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


@using_app.command(epilog="Example: `bedside show demo-bundle`")
def show(bundle: BundleArgument, trust: TrustOption = None) -> None:
    """Show the model card in the terminal."""
    from bedside.cli.verifying import run_show

    run_show(bundle, trust)


@using_app.command(epilog="Example: `bedside cascade small.bedside large.bedside folder:xrays --out cascade.json`")
def cascade(
    small: Annotated[Path, typer.Argument(help="Bundle of the smaller input; it runs first.", show_default=False)],
    large: Annotated[Path, typer.Argument(help="Bundle that runs where the first is unsure.", show_default=False)],
    source: Annotated[str, typer.Argument(help="Cohort of both, such as folder:DIR.", show_default=False)],
    out: Annotated[Path, typer.Option(help="JSON file of the cascade.")] = Path("cascade.json"),
    margin: MarginOption = 0.02,
    seed: Annotated[int, typer.Option(help="Seed of the split of data that neither bundle was made from.")] = 0,
    trust: TrustOption = None,
    threads: RuntimeThreadsOption = 1,
    labels: LabelsOption = None,
    option: SourceOptions = None,
) -> None:
    """Run a small input first and a larger one only where needed; locked on tuning, judged once on the test part."""
    from bedside.cli.cascading import run_cascade
    from bedside.cli.source_options import source_options

    options = source_options(option, labels=labels)
    run_cascade(small, large, source, options, out=out, margin=margin, seed=seed, trust=trust, threads=threads)
