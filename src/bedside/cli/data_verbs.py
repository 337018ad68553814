"""The verbs of ``bedside data``."""

from pathlib import Path
from typing import Annotated

import typer

from bedside.cli.arguments import PositiveOption, SourceOptions

data_app = typer.Typer(no_args_is_help=True, help="Look at data before anything is trained on them.")


@data_app.command(
    "inspect",
    epilog="Examples: `bedside data inspect phantom:ultrasound --html look.html`; "
    "`bedside data inspect dicom:chest --labels chest.csv`",
)
def data_inspect(
    source: Annotated[str, typer.Argument(help="Any source; see bedside data list.", show_default=False)],
    html: Annotated[Path | None, typer.Option(help="Also write one self-contained HTML file.")] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV of labels, for dicom:DIR.")] = None,
    positive: PositiveOption = None,
    option: SourceOptions = None,
) -> None:
    """Show what is in a cohort: sizes, spacings, intensities, labels by part, patients, leaks, a montage."""
    from bedside.cli.inspecting import run_inspect
    from bedside.cli.source_options import source_options

    run_inspect(source, source_options(option, labels=labels, positive=positive), html)


@data_app.command("list", epilog="Example: `bedside data list`")
def data_list() -> None:
    """List the known sources, and say which of their data are here."""
    from bedside.cli.inspecting import run_list

    run_list()
