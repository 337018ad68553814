"""The section of findings that may be there together: a forest plot, and each finding at its threshold."""

import math

import numpy as np

from bedside.base.estimate import Estimate
from bedside.bundle.forest import ForestRow, forest_svg
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figure import FigureTable, ReportFigure
from bedside.bundle.section import Section
from bedside.bundle.wording import percent, three_decimals, with_interval
from bedside.verify.evidence import Evidence
from bedside.verify.marks import UNKNOWN
from bedside.verify.measured import MeasuredEvidence

_AVERAGES = {"macro_auroc": "mean of findings", "micro_auroc": "all at once"}


def finding_section(data: ReportData) -> Section | None:
    """Every finding: how many have it, AUROC beside the reference's, and the calls at its threshold."""
    evidence = data.evidence
    if data.task.kind != "multilabel" or isinstance(evidence, Evidence):
        return None
    return Section(
        anchor="findings",
        title="Findings, one by one",
        short="Findings",
        template="section_findings.html.j2",
        view={"rows": [_row(data, evidence, k) for k in range(data.task.n_classes)]},
        figures=(_forest(data, evidence),),
        numbers={"shipped": evidence.shipped, "reference": evidence.reference},
        warnings=_warnings(data, evidence),
        starts_page=True,
    )


def _counts(data: ReportData, k: int) -> tuple[int, int]:
    """Test cases with the finding, and those of which it is known."""
    marks = np.asarray(data.labels)[:, k]
    return int((marks == 1).sum()), int((marks != UNKNOWN).sum())


def _forest(data: ReportData, evidence: MeasuredEvidence) -> ReportFigure:
    both = evidence.shipped.values, evidence.reference.values
    rows = [
        ForestRow(
            name=name, counts="{:,} of {:,}".format(*_counts(data, k)),
            shipped=both[0][f"auroc/{name}"], reference=both[1][f"auroc/{name}"],
        )
        for k, name in enumerate(data.task.classes)
        if f"auroc/{name}" in both[0]
    ]  # fmt: skip
    rows += [
        ForestRow(name=title, counts="", shipped=both[0][key], reference=both[1][key], is_average=True)
        for key, title in _AVERAGES.items()
    ]
    ends = [(row.name, row.counts, *_ends(row.shipped), *_ends(row.reference)) for row in rows]
    columns = ("finding", "cases_with_of_known", "shipped", "shipped_low", "shipped_high", "reference",
               "reference_low", "reference_high")  # fmt: skip
    return ReportFigure(
        name="findings-auroc",
        title="AUROC by finding",
        caption="AUROC of each finding on the sealed test with 95 % intervals; below a name, cases that have it of "
        "those of which it is known. Diamonds are averages.",
        svg=forest_svg(rows, what="AUROC", name="findings"),
        table=FigureTable(columns=columns, rows=tuple(ends)),
    )


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def _row(data: ReportData, evidence: MeasuredEvidence, k: int) -> dict[str, object]:
    name, values = data.task.classes[k], evidence.shipped.values
    n_with, n_known = _counts(data, k)
    p = evidence.p_values.get(f"auroc_difference/{name}", math.nan)
    shown = {
        figure: with_interval(values[f"{figure}/{name}"]) if f"{figure}/{name}" in values else "not estimable"
        for figure in ("auroc", "sensitivity", "specificity", "ppv", "npv", "ece")
    }
    difference = values.get(f"auroc_difference/{name}")
    return {
        "name": name,
        "counts": f"{n_with:,} of {n_known:,}",
        "threshold": three_decimals(data.chosen.point.thresholds_prob[k]),
        "difference": "not estimable" if difference is None else with_interval(difference, sign=True),
        "p": "" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}",
        "flips": percent(values[f"flips/{name}"].value),
        **shown,
    }


def _warnings(data: ReportData, evidence: MeasuredEvidence) -> tuple[str, ...]:
    """A finding that is ranked worse than by a coin may have its marks swapped."""
    values = evidence.shipped.values
    return tuple(
        f"The shipped model ranks “{name}” worse than a coin (AUROC {with_interval(values[f'auroc/{name}'])}): are its "
        "marks swapped?"
        for name in data.task.classes
        if f"auroc/{name}" in values and values[f"auroc/{name}"].high < 0.5
    )
