"""The tables of ``bedside robustness``."""

from rich.console import Console
from rich.table import Table

from bedside.bundle.stress_page import Corrupted
from bedside.verify.adversarial import AdversarialReport, AttackCurve
from bedside.verify.outliers import GateEvidence
from bedside.verify.robustness import Robustness
from bedside.verify.volume_robustness import VolumeRobustness


def show_stress(
    console: Console, robustness: Corrupted, gate: GateEvidence | None, adversarial: AdversarialReport | None
) -> None:
    """Print a table of each that there is."""
    if isinstance(robustness, VolumeRobustness):
        console.print(_volume_table(robustness))
        means = {"mean Dice loss, shipped": robustness.mean_shipped_loss}
    else:
        console.print(_corruption_table(robustness))
        means = {
            "mean AUROC loss, shipped": robustness.mean_shipped_loss,
            "mean AUROC loss, reference": robustness.mean_reference_loss,
        }
    if robustness.suite.fallback:
        console.print(f"[yellow]note[/] {robustness.suite.fallback}", highlight=False)
    for label, value in {**means, "lost by compression": robustness.mean_excess_loss}.items():
        console.print(f"{label:<28}{value}", highlight=False)
    if gate is not None:
        table = Table("odd cases at the gate", "AUROC", "share referred")
        for name, kind in gate.kinds.items():
            table.add_row(name, str(kind.auroc), str(kind.referred_frac))
        table.add_row("suitable cases", "", str(gate.refer_frac))
        console.print(table)
    if adversarial is not None:
        _show_attack(console, adversarial)


def _corruption_table(found: Robustness) -> Table:
    clean = found.clean_shipped
    title = (
        f"AUROC (sensitivity / specificity) of the shipped model; clean: {clean.auroc.value:.3f} "
        f"({clean.sensitivity.value:.2f} / {clean.specificity.value:.2f})"
    )
    table = Table("corruption", *(f"severity {s}" for s in found.severities), "lost by compression", title=title)
    for name in found.suite.names:
        cells = [
            f"{r.shipped.auroc.value:.3f} ({r.shipped.sensitivity.value:.2f} / {r.shipped.specificity.value:.2f})"
            for r in found.results
            if r.corruption == name
        ]
        table.add_row(name, *cells, str(found.of_corruption[name]))
    return table


def _volume_table(found: VolumeRobustness) -> Table:
    title = f"Dice of the shipped model (change); clean: {found.clean_shipped}; its own fp32 file: {found.clean_fp32}"
    table = Table("corruption", *(f"severity {s}" for s in found.severities), "lost by compression", title=title)
    for name in found.suite.names:
        rows = [r for r in found.results if r.corruption == name]
        cells = [f"{r.shipped_dice.value:.3f} ({-r.shipped_loss.value:+.3f})" for r in rows]
        table.add_row(name, *cells, str(found.of_corruption[name]))
    return table


def _curve_table(found: AdversarialReport) -> Table:
    sizes = [point.eps_levels for point in found.curves[0].points]
    title = f"accuracy / sensitivity by size of the attack in grey levels, {found.n_cases} images"
    table = Table("attack", "on", *(str(size) for size in sizes), title=title)
    for curve in found.curves:
        how = "transfer" if curve.access == "transfer" else f"{curve.effort} {_unit(curve)}"
        cells = [curve.at(size) for size in sizes]
        shown = ["" if p is None else f"{p.accuracy.value:.2f}/{p.sensitivity.value:.2f}" for p in cells]
        table.add_row(f"{curve.attack}, {how}", curve.victim, *shown)
    return table


def _unit(curve: AttackCurve) -> str:
    return "queries" if curve.access == "black-box" else "step" if curve.effort == 1 else "steps"


def _show_attack(console: Console, found: AdversarialReport) -> None:
    if any(curve.access == "white-box" for curve in found.curves):
        console.print(_curve_table(found))
    curve = found.curves[-1]
    table = Table("grey levels", "accuracy", "sensitivity", "specificity", title=f"{curve.attack} on {curve.victim}")
    for point in curve.points:
        table.add_row(str(point.eps_levels), str(point.accuracy), str(point.sensitivity), str(point.specificity))
    console.print(table)
    for check in found.checks:
        mark = "[green]holds[/]" if check.passed else "[bold red]FAILS[/]"
        console.print(f"{mark}  {check.name}: {check.detail}", highlight=False)
