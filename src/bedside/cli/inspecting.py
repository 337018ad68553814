"""``bedside data inspect`` and ``bedside data list``."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bedside.base.files import write_atomic
from bedside.cli.inspecting_words import MOST, facts_of, few_in, troubles_of
from bedside.data.cohort import Cohort
from bedside.data.sources import load_cohort
from bedside.data.sources.listing import known_sources
from bedside.data.survey import Survey, survey_cohort


def run_inspect(source: str, options: dict[str, str], html: Path | None) -> None:
    """Print what is in a cohort, and write it as one HTML file where that is asked for."""
    console = Console()
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("reading", total=None)
        cohort, labelled = _looked_at(
            source, options, lambda done, total: progress.update(bar, completed=done, total=total)
        )
        survey, montage = survey_cohort(
            cohort, tick=lambda done, total: progress.update(bar, completed=done, total=total)
        )
    few = few_in(cohort) if labelled else ()
    _print(console, survey, few)
    if html is not None:
        from bedside.cli.inspecting_page import page

        write_atomic(html, page(survey, montage, few))
        console.print(f"written: {escape(str(html))}")


def _looked_at(source: str, options: dict[str, str], tick: Callable[[int, int], None]) -> tuple[Cohort, bool]:
    """Load a cohort, and say whether it is labelled; DICOM may be looked at before it is."""
    kind, _, folder = source.partition(":")
    if (
        kind == "dicom"
        and "labels" not in options
        and folder
        and not (Path(folder).expanduser() / "labels.csv").is_file()
    ):
        from bedside.data.sources.dicom_unlabelled import load_unlabelled

        return load_unlabelled(folder, tick=tick), False
    return load_cohort(source, **options), True


def run_list() -> None:
    """Print the known sources and whether they are here."""
    table = Table("source", "what", "data", title="Sources")
    for known in known_sources():
        table.add_row(known.name, known.what, known.state)
    Console().print(table)


def _print(console: Console, survey: Survey, few: Sequence[str]) -> None:
    console.print(f"[bold]{escape(survey.name)}[/]  {survey.n_cases} cases from {escape(survey.source)}")
    console.print(f"licence: {escape(survey.licence)}; looked for: {escape(survey.positive)}")
    labels = Table("part", survey.units, *map(escape, survey.classes), title="Labels by part")
    for part, row in survey.counts.items():
        labels.add_row(part, str(survey.patients.get(part, 0)), *(str(row[name]) for name in survey.classes))
    console.print(labels)
    facts = Table("what", "found", title="Images")
    for what, text in facts_of(survey).items():
        facts.add_row(what, escape(text))
    console.print(facts)
    for heading, lines in troubles_of(survey, few).items():
        console.print(f"[red]{heading}[/]")
        for line in lines[:MOST]:
            console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
        if len(lines) > MOST:
            console.print(f"  ... and {len(lines) - MOST} more")
