"""Say that files of a cohort were left out, before anything is made of the rest."""

from rich.console import Console
from rich.markup import escape

from bedside.data.cohort import Cohort


def tell_left_out(console: Console, cohort: Cohort, source: str) -> None:
    """Print how many files the source could not use, the first of them, and the command that lists all."""
    if not cohort.quarantined:
        return
    name, why = next(iter(cohort.quarantined.items()))
    n = len(cohort.quarantined)
    colour = "bold red" if n > len(cohort.cases) else "yellow"
    console.print(f"[{colour}]{n} left out[/], such as {escape(name)}: {escape(why)}", highlight=False, soft_wrap=True)
    console.print(f"bedside data inspect {escape(source)} lists them", highlight=False, soft_wrap=True)
