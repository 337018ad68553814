"""The verbs that look into a finished bundle; none needs torch, bar ``robustness --white-box``."""

from pathlib import Path
from typing import Annotated

import typer

from bedside.cli.arguments import (
    BundleArgument,
    FiguresOption,
    FormatOption,
    LabelsOption,
    PartOption,
    PositiveOption,
    PrecisionOption,
    ResamplesSeedOption,
    RuntimeThreadsOption,
    SeedOption,
    SourceOptions,
    TrustOption,
)

evidence_app = typer.Typer()


@evidence_app.command(
    epilog="Examples: `bedside explain demo-bundle chest.png --out maps`; "
    "`bedside explain demo-bundle --data folder:other-site --out gaze`"
)
def explain(
    bundle: BundleArgument,
    files: Annotated[list[Path] | None, typer.Argument(help="Images to map.", show_default=False)] = None,
    data: Annotated[str | None, typer.Option(help="Cohort on which int8 and fp32 files are compared.")] = None,
    method: Annotated[
        str, typer.Option(help="How a map is made: occlusion, rise, or cam (LiteRT files; one run).")
    ] = "occlusion",
    out: Annotated[Path, typer.Option(help="Folder of what is written.")] = Path("explained"),
    cases: Annotated[int, typer.Option(help="With --data: at most so many cases.", min=1)] = 200,
    margin: Annotated[float, typer.Option(help="With --data: change of the hit rate that is of no matter.")] = 0.1,
    positive: Annotated[str | None, typer.Option(help="With --data: name of the class that is looked for.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the choice of cases.")] = 0,
    trust: TrustOption = None,
    threads: RuntimeThreadsOption = 1,
    labels: LabelsOption = None,
    option: SourceOptions = None,
) -> None:
    """Show where a bundle's model looks in images, or whether int8 moved its gaze on a cohort. Needs no torch."""
    from bedside.cli.explaining import GazeRequest, run_explain, run_gaze
    from bedside.cli.source_options import source_options

    if data is None:
        run_explain(bundle, files or [], method, out, trust, threads)
    else:
        run_gaze(
            GazeRequest(
                bundle=bundle, data=data, files=tuple(files or ()), method=method, out=out, n_cases=cases,
                margin=margin, options=source_options(option, labels=labels, positive=positive), seed=seed, trust=trust,
                threads=threads,
            )
        )  # fmt: skip


@evidence_app.command(
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


@evidence_app.command(
    epilog="Example: `bedside robustness demo-bundle --data medmnist:pneumoniamnist --severity 1,3,5 --attack square "
    "--plot robustness.html`; with the run's work folder beside it: `bedside robustness demo-bundle "
    "--data medmnist:pneumoniamnist --white-box --plot attacks.html`"
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
    white_box: Annotated[
        bool,
        typer.Option("--white-box", help="Attack the float network too; needs OUT.work and the workshop."),
    ] = False,
    eps: Annotated[str, typer.Option(help="Sizes of the attack, in grey levels of 255.")] = "1,2,4,8,16,32",
    queries: Annotated[int, typer.Option(help="Runs of the model that each attacked image may cost.", min=1)] = 300,
    attack_images: Annotated[int, typer.Option(help="Images that are attacked, at most.", min=1)] = 100,
    positive: PositiveOption = None,
    trust: TrustOption = None,
    seed: SeedOption = 0,
    labels: LabelsOption = None,
    option: SourceOptions = None,
) -> None:
    """Try spoilt, odd and hostile images on a bundle, its fp32 model beside it. Only --white-box needs torch."""
    from bedside.cli.source_options import source_options
    from bedside.cli.stress_request import StressRequest
    from bedside.cli.stressing import run_robustness

    run_robustness(
        StressRequest(
            bundle=bundle, data=data, out=out, plot=plot, severities=severity, modality=modality, attack=attack,
            eps=eps, queries=queries, attack_images=attack_images, trust=trust, seed=seed, white_box=white_box,
            options=source_options(option, labels=labels, positive=positive),
        )
    )  # fmt: skip


@evidence_app.command(
    epilog="Example: `bedside evaluate demo-bundle --data folder:new-site --prevalence 0.02 --by sex --by view`"
)
def evaluate(
    bundle: BundleArgument,
    data: Annotated[
        str, typer.Option("--data", help="Labelled cases, any source; see bedside data list.", show_default=False)
    ],
    site: Annotated[str, typer.Option(help="What the site is called in the output.")] = "",
    part: PartOption = None,
    prevalence: Annotated[float | None, typer.Option(help="Also re-weight PPV and NPV to this share of ill.")] = None,
    by: Annotated[list[str] | None, typer.Option(help="Column of metadata.csv whose groups are scored apart.")] = None,
    out: FiguresOption = None,
    seed: ResamplesSeedOption = 0,
    format_: FormatOption = None,
    precision: PrecisionOption = None,
    trust: TrustOption = None,
    threads: RuntimeThreadsOption = 1,
    labels: LabelsOption = None,
    option: SourceOptions = None,
) -> None:
    """Evaluate a bundle on labelled cases of another site. Needs no torch."""
    from bedside.cli.evaluating import run_evaluate
    from bedside.cli.source_options import source_options

    run_evaluate(
        bundle, data, site=site, part=part, prevalence=prevalence, by=by or [], out=out, seed=seed, format_=format_,
        precision=precision, trust=trust, threads=threads, options=source_options(option, labels=labels),
    )  # fmt: skip


@evidence_app.command(epilog="Example: `bedside compare old-bundle new-bundle --data folder:new-site --margin 0.02`")
def compare(
    bundles: Annotated[list[Path], typer.Argument(help="Two or more bundles.", show_default=False)],
    data: Annotated[
        str, typer.Option("--data", help="Labelled cases, any source; see bedside data list.", show_default=False)
    ],
    part: PartOption = None,
    margin: Annotated[float, typer.Option(help="Margin in AUROC of the verdicts, set before you look.")] = 0.02,
    out: FiguresOption = None,
    seed: ResamplesSeedOption = 0,
    trust: TrustOption = None,
    threads: RuntimeThreadsOption = 1,
    labels: LabelsOption = None,
    option: SourceOptions = None,
) -> None:
    """Put bundles side by side on the same cases, with paired tests. Needs no torch."""
    from bedside.cli.evaluating import run_compare
    from bedside.cli.source_options import source_options

    run_compare(
        bundles, data, part=part, margin=margin, out=out, seed=seed, trust=trust, threads=threads,
        options=source_options(option, labels=labels),
    )  # fmt: skip
