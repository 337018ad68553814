"""What a run knows beyond the main comparison, or that it does not know it."""

from collections.abc import Callable, Mapping

from bedside.bundle.pack.fact import Fact
from bedside.bundle.report_data import ReportData


def _subgroups(data: ReportData) -> Fact:
    left = "what inequalities are known, and what a gap would mean for patients"
    if data.subgroups is None or not data.subgroups.columns:
        return Fact(text="No subgroups: the cohort has no attribute that groups the test cases", leaves=left)
    worst = "; ".join(
        f"{pair.column}, AUROC lowest in {pair.shipped.worst['auroc']}, {pair.shipped.worst_metrics['auroc']}"
        for pair in data.subgroups.columns
        if "auroc" in pair.shipped.worst
    )
    names = ", ".join(pair.column for pair in data.subgroups.columns)
    return Fact(text=f"By {names}: evidence/subgroups.json. {worst or 'No AUROC by group is estimable'}", leaves=left)


def _indeterminate(data: ReportData) -> Fact:
    found = data.abstention
    if found is None:
        return Fact(text="None: every test case got a call")
    rules = "; ".join(
        f"bound {rule.max_error_frac:g}: answered {outcome.answered_frac}, wrong among them {outcome.error_frac}"
        for rule, outcome in zip(found.rule.selective, found.outcomes, strict=True)
        if rule.least_confidence is not None
    )
    return Fact(
        text=f"In the figures none: every test case got a call. Prediction sets hold the truth in "
        f"{found.coverage.coverage} (promised {found.rule.sets.coverage_frac:g}). "
        f"If unsure cases are referred: {rules or 'no rule keeps any bound, every case would be referred'}"
    )


def _usefulness(data: ReportData) -> Fact:
    found = data.usefulness
    if found is None:
        return Fact(text="No decision curve", leaves="clinical usefulness")
    good = ", ".join(f"{threshold:g}" for threshold in found.beats_both())
    return Fact(
        text="Decision curve (evidence/usefulness.json): better than treating all and none at thresholds "
        f"{good or 'none'}",
        leaves="which thresholds are sensible in the pathway",
    )


def _heat(data: ReportData) -> Fact:
    text = "Occlusion maps of the shipped file on pictured test cases in report.html"
    if data.gaze is not None:
        text += "; " + "; ".join(str(change) for change in data.gaze.changes)
    return Fact(text=text, leaves="what they mean")


EVIDENCE_FACTS: Mapping[str, Callable[[ReportData], Fact]] = {
    "subgroups": _subgroups,
    "indeterminate": _indeterminate,
    "usefulness": _usefulness,
    "heat": _heat,
}
