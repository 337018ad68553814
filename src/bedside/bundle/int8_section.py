"""Section: how int8 was reached, try by try, and which layers rounding hurts most."""

import math
from typing import Any

from bedside.bundle.report_data import ReportData
from bedside.bundle.section import Section
from bedside.bundle.wording import percent, three_digits, with_interval
from bedside.verify.int8_tries import AutopilotReport, Int8Try

Row = dict[str, Any]


def int8_section(data: ReportData) -> Section | None:
    """One table a model and format where more than the plain file was tried; one line where it passed at once."""
    found = data.int8
    if found is None:
        return None
    warnings = tuple(
        f"{report.model}, {report.format}: no int8 file was good enough; its fp32 file remains."
        for report in found.reports
        if not report.passed and data.choice.name.startswith(report.model)
    )
    return Section(
        anchor="int8",
        title="How int8 was reached",
        short="Int8",
        template="section_int8.html.j2",
        view={"tables": [_table(report) for report in found.reports]},
        numbers=found,
        warnings=warnings,
    )


def _table(report: AutopilotReport) -> Row:
    return {
        "summary": str(report),
        "metric": report.metric,
        "margin": f"{report.margin:g}",
        "shown": report.was_needed,
        "fp32": {
            "score": with_interval(report.fp32_score),
            "size": three_digits(report.fp32_size_kib),
            "latency": three_digits(report.fp32_latency_p50_ms),
        },
        "rows": [_row(tried) for tried in report.tries],
        "culprits": [
            {
                "layer": culprit.layer,
                "alone": three_digits(culprit.alone_sqnr_db),
                "without": three_digits(culprit.without_sqnr_db),
                "flips": percent(culprit.flips_frac),
                "score": "" if math.isnan(culprit.score_change) else f"{culprit.score_change:+.4f}",
            }
            for culprit in report.culprits
        ],
        "whole": "" if report.whole_sqnr_db is None else three_digits(report.whole_sqnr_db),
        "n_layers": report.n_layers,
    }


def _row(tried: Int8Try) -> Row:
    return {
        "fix": tried.fix,
        "layers": ", ".join(tried.layers),
        "passed": tried.passed,
        "why": tried.why,
        "score": with_interval(tried.tuning_score) if tried.tuning_score else "",
        "difference": with_interval(tried.difference, sign=True) if tried.difference else "",
        "flips": "" if tried.flips_frac is None else percent(tried.flips_frac),
        "agreement": "" if tried.agreement_flips_frac is None else percent(tried.agreement_flips_frac),
        "size": "" if tried.size_kib is None else three_digits(tried.size_kib),
        "latency": "" if tried.latency_p50_ms is None else three_digits(tried.latency_p50_ms),
        "seconds": three_digits(tried.seconds),
    }
