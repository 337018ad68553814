"""What ``bedside evaluate`` and ``bedside compare`` print of bundles whose task is no classification."""

from rich.console import Console
from rich.table import Table

from bedside.base.estimate import Estimate
from bedside.serve.measuring import MeasuredSideBySide, SiteMeasures


def print_measures(console: Console, found: SiteMeasures) -> None:
    """Print one bundle at one site."""
    console.print(
        f"{found.bundle} ({found.model}) at {found.site}: {found.n_cases} cases, {found.n_patients} patients or groups"
    )
    for note in found.notes:
        console.print(f"[bold red]{note}[/]")
    table = Table("figure", "value", "method")
    for name, estimate in found.values.items():
        table.add_row(_title(found, name), shown(estimate), estimate.method)
    console.print(table)
    for sentence in (*found.plain, *found.conventions):
        console.print(sentence, highlight=False)
    console.print("research use; not for diagnosis")


def print_side_by_side(console: Console, found: MeasuredSideBySide) -> None:
    """Print every bundle's figures, and the verdict on each pair."""
    first = found.contestants[0]
    console.print(f"{first.source}: {first.n_cases} cases of {first.n_patients} patients or groups")
    table = Table("figure", *(contestant.site for contestant in found.contestants), title="side by side")
    for name in first.values:
        table.add_row(_title(first, name), *(shown(contestant.values[name]) for contestant in found.contestants))
    console.print(table)
    pairs = Table("first - second", "difference", f"non-inferior by {found.margin:g}", title="paired")
    for pair in found.pairs:
        judged = pair.judged
        pairs.add_row(f"{pair.first} - {pair.second}", f"{judged.metric} {shown(judged.difference)}", judged.verdict)
    console.print(pairs)


def shown(estimate: Estimate) -> str:
    """Write an estimate so that Rich does not read its brackets as style."""
    return str(estimate).replace("[", "(").replace("]", ")")


def _title(found: SiteMeasures, name: str) -> str:
    metric = found.metrics[name]
    return f"{metric.title}, {metric.unit}" if metric.unit else metric.title
