"""``bedside cascade``."""

from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bedside.base.files import write_atomic
from bedside.base.jsonform import to_json
from bedside.cli.measuring import shown
from bedside.data.sources import load_cohort
from bedside.serve.cascade_fitting import fitted_cascade
from bedside.serve.cascading import CascadeFile, cascade_pair


def run_cascade(
    small: Path,
    large: Path,
    source: str,
    options: dict[str, str],
    *,
    out: Path,
    margin: float,
    seed: int,
    trust: str | None,
    threads: int,
) -> None:
    """Fit on tuning, judge on the test part, print and write."""
    console = Console()
    pair = cascade_pair(small, large, trusted=trust, threads=threads)
    cohort = load_cohort(source, **options)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("images", total=None)

        def tick(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        found = fitted_cascade(pair, cohort, margin=margin, seed=seed, tick=tick)
    _print(console, found)
    write_atomic(out, to_json(found, indent=1))
    console.print(f"written: {out}", soft_wrap=True)


def _print(console: Console, found: CascadeFile) -> None:
    threshold = found.cascade.threshold_prob
    rule = "no image stops early" if threshold is None else f"stops at a confidence of {threshold:.4f} or more"
    console.print(f"{found.small}, then {found.large}: {rule}", highlight=False)
    for note in found.notes:
        console.print(f"[bold red]{note}[/]")
    patients = f"{found.n_test_cases} test images, {found.n_test_patients} patients or groups"
    table = Table("figure", "value", title=patients)
    table.add_row("share that stopped early", shown(found.judged.share_stopped))
    for word, estimate in (
        (f"{found.small} alone, ms an image", found.judged.small_ms),
        (f"{found.large} alone, ms an image", found.judged.large_ms),
        ("cascade, ms an image", found.judged.cascade_ms),
        ("saved, ms an image", found.judged.saved_ms),
        (f"AUROC, cascade - {found.large}", found.judged.non_inferiority.difference),
    ):
        table.add_row(word, shown(estimate))
    table.add_row(f"non-inferior by {found.cascade.margin:g}", found.judged.non_inferiority.verdict)
    console.print(table)
    if found.judged.non_inferiority.verdict != "PASS":
        console.print(f"[bold red]not shown to be as good as {found.large} alone on the test part: use that alone[/]")
    if found.judged.saved_ms.low <= 0:
        console.print("[bold red]no time is surely saved on this machine[/]")
    console.print("research use; not for diagnosis")
