"""``bedside evaluate`` and ``bedside compare``."""

import math
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bedside.base.estimate import Estimate
from bedside.base.files import write_atomic
from bedside.base.jsonform import to_json
from bedside.cli.left_out import tell_left_out
from bedside.cli.measuring import print_measures, print_side_by_side, shown
from bedside.data.cohort import Cohort
from bedside.data.sources import load_cohort
from bedside.serve.comparing import SideBySide, compare_bundles
from bedside.serve.evaluating import SiteEvaluation, evaluate_site, loaded
from bedside.serve.measuring import compare_measured, measure_site
from bedside.serve.predicting import Predictor
from bedside.verify.subgroups import SubgroupReport

console = Console()

_WORDS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "mcc": "MCC",
    "lr_positive": "likelihood ratio +",
    "lr_negative": "likelihood ratio -",
    "brier": "Brier score",
    "ece": "calibration error (ECE)",
    "ppv_at_prevalence": "PPV at the stated prevalence",
    "npv_at_prevalence": "NPV at the stated prevalence",
}
_SIDE_BY_SIDE = ("auroc", "average_precision", "sensitivity", "specificity", "ppv", "npv", "accuracy", "f1", "brier",
                 "calibration_slope")  # fmt: skip


def run_evaluate(
    bundle: Path,
    source: str,
    *,
    site: str,
    part: str | None,
    prevalence: float | None,
    by: list[str],
    out: Path | None,
    seed: int,
    format_: str | None,
    precision: str | None,
    trust: str | None,
    threads: int,
    options: dict[str, str],
) -> None:
    """Evaluate, print, and write where that was asked for."""
    predictor = Predictor.load(bundle, format_=format_, precision=precision, trusted=trust, threads=threads)
    cohort = _cohort(source, options, part)
    if not predictor.bundle.manifest.task.picks_one:
        with _bar() as tick:
            measured = measure_site(predictor, cohort, site=site, seed=seed, tick=tick)
        print_measures(console, measured)
        _write(out, measured)
        return
    with _bar() as tick:
        found = evaluate_site(
            predictor, cohort, site=site, prevalence=prevalence, by=by, seed=seed, tick=tick
        )  # fmt: skip
    _print_evaluation(found)
    _write(out, found)


def run_compare(
    bundles: list[Path],
    source: str,
    *,
    part: str | None,
    margin: float,
    out: Path | None,
    seed: int,
    trust: str | None,
    threads: int,
    options: dict[str, str],
) -> None:
    """Compare, print, and write where that was asked for."""
    predictors = loaded(bundles, trusted=trust, threads=threads)
    cohort = _cohort(source, options, part)
    if not predictors[0].bundle.manifest.task.picks_one:
        with _bar() as tick:
            measured = compare_measured(predictors, _distinct(bundles), cohort, margin=margin, seed=seed, tick=tick)
        print_side_by_side(console, measured)
        _write(out, measured)
        return
    with _bar() as tick:
        found = compare_bundles(predictors, _distinct(bundles), cohort, margin=margin, seed=seed, tick=tick)
    _print_comparison(found)
    _write(out, found)


def _distinct(paths: list[Path]) -> list[str]:
    """File names; whole paths where two bundles are called the same."""
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _cohort(source: str, options: dict[str, str], part: str | None) -> Cohort:
    from dataclasses import replace

    from bedside.base.errors import InputError

    cohort = load_cohort(source, **options)
    tell_left_out(console, cohort, source)
    if part is None:
        return cohort
    cases = tuple(case for case in cohort.cases if case.part == part)
    if not cases:
        have = sorted({case.part for case in cohort.cases if case.part})
        raise InputError(
            f"{cohort.source} has no part {part!r}", expected=", ".join(have) or "parts", hint="leave --part out"
        )
    return replace(cohort, cases=cases)


@contextmanager
def _bar():
    """A bar on a terminal; nothing where the output is kept."""
    from rich.progress import Progress

    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("images", total=None)

        def tick(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield tick


def _print_evaluation(found: SiteEvaluation) -> None:
    told = found.diagnostics
    who = f"{told.n_cases} images, {told.n_patients} patients or groups, {told.n_positive} {found.positive}"
    console.print(f"{found.bundle} ({found.model}) at {found.site}: {who}")
    for flag in (*found.notes, *told.flags):
        console.print(f"[bold red]{flag}[/]")
    table = Table("figure", "value", "95 % interval", "method", title=f"looking for {found.positive}")
    for name, estimate in {**told.metrics, **found.averages}.items():
        table.add_row(_word(name), *_cells(estimate), estimate.method)
    console.print(table)
    for report in found.subgroups:
        console.print(_subgroup_table(report))
    console.print("research use; not for diagnosis")


def _subgroup_table(report: SubgroupReport) -> Table:
    names = list(report.groups[0].metrics)
    table = Table(report.column, "images", "patients", *(_word(name) for name in names), "note", title="subgroups")
    for group in report.groups:
        cells = []
        for name in names:
            cell = shown(group.metrics[name])
            cells.append(f"[red]{cell}[/]" if report.worst.get(name) == group.name and len(report.worst) else cell)
        table.add_row(group.name, str(group.n_cases), str(group.n_patients), *cells, group.note)
    gaps = [shown(report.largest_gap[name]) if name in report.largest_gap else "" for name in names]
    table.add_row("largest gap", "", "", *gaps, "highest less lowest group")
    return table


def _print_comparison(found: SideBySide) -> None:
    console.print(f"{found.source}: {found.n_cases} images of {found.n_patients} patients or groups")
    table = Table("figure", *(c.name for c in found.contestants), title="side by side")
    table.add_row("model", *(c.model for c in found.contestants))
    table.add_row("size, KiB", *(f"{c.size_kib:.1f}" for c in found.contestants))
    for name in _SIDE_BY_SIDE:
        table.add_row(_word(name), *map(shown, found.metrics(name)))
    console.print(table)
    verdicts = (f"non-inferior by {found.margin:g}", f"equivalent within {found.margin:g}")
    columns = ("AUROC difference", "p (Holm)", "right calls difference", "p (Holm)", *verdicts)
    tests = Table("first - second", *columns, title="paired")
    for pair in found.pairs:
        told = pair.comparison
        tests.add_row(
            f"{pair.first} - {pair.second}", shown(told.auroc.difference), _p(pair.p_auroc_holm),
            shown(told.calls.difference), _p(pair.p_calls_holm), told.non_inferiority.verdict, told.equivalence.verdict,
        )  # fmt: skip
    console.print(tests)
    for contestant in found.contestants:
        for flag in contestant.diagnostics.flags:
            console.print(f"[bold red]{contestant.name}: {flag}[/]")


def _word(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _cells(estimate: Estimate) -> tuple[str, str]:
    if math.isnan(estimate.value):
        return "not estimable", ""
    return f"{estimate.value:.3f}", f"{estimate.low:.3f} to {estimate.high:.3f}"


def _p(value: float) -> str:
    return "not estimable" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _write(out: Path | None, found: object) -> None:
    if out is not None:
        write_atomic(out, to_json(found, indent=1))
        console.print(f"written: {out}")
