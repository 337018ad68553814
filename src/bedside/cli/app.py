"""The command `bedside`: one function a verb; what a verb needs is imported when it is used."""

import sys
from typing import Annotated, NoReturn

import typer

from bedside.base.errors import INTERRUPTED_EXIT_CODE, BedsideError
from bedside.cli.data_verbs import data_app
from bedside.cli.evidence_verbs import evidence_app
from bedside.cli.making_verbs import making_app
from bedside.cli.shrinking_verbs import shrinking_app
from bedside.cli.using_verbs import using_app

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Medical images and a device budget in; a small, verified, signed model for the point of care out.",
    epilog="Start with: `bedside optimize phantom:ultrasound --preset quick --out my-bundle`",
)
for verbs in (making_app, using_app, shrinking_app, evidence_app):
    app.add_typer(verbs)
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
