"""Data sheet of the cohort (Gebru et al., Datasheets for Datasets, CACM 2021): counts only, no case is named."""

from bedside.bundle.case_flow import case_flow
from bedside.bundle.pack.checklists import TO_DO, cell_text
from bedside.bundle.report_data import ReportData
from bedside.bundle.wording import asks

_SIMULATED = "**Simulated data.** A program drew these images; no patient was imaged."


def data_sheet_markdown(data: ReportData) -> str:
    """Write it."""
    audit, spec = data.audit, data.input_spec
    sizes = ", ".join(f"{size} px ({n:,})" for size, n in data.native_sizes.items())
    parts = [
        f"# Data sheet: {cell_text(data.cohort.name)}",
        "Counts only: no case, patient or file is named, and no image is shown.",
        *([_SIMULATED] if data.cohort.is_phantom else []),
        _list("Why it was made", [f"Purpose, makers, funding: {TO_DO}"]),
        _list(
            "What is in it",
            [
                f"Modality: {cell_text(data.cohort.modality)}",
                f"Source: {cell_text(data.cohort.source)}",
                f"Licence: {cell_text(data.cohort.licence)}",
                f"Cases: {audit.n_cases:,}; {cell_text(asks(data.task))}",
                f"Image sizes, as seen on the observation part: {sizes or 'not recorded'}",
                f"Input of the model: {' x '.join(map(str, spec.shape)) if spec else TO_DO}",
                f"Age, sex, site, device: {TO_DO}",
            ],
        ),
        "## Cases by part and class",
        _parts_table(data),
        f"Division: {cell_text(data.cohort.split_how)}. The observation part is a subset of development.",
        "## Labels as the source gives them",
        _counts_table(data.audit.counts, data.task.classes, "Part of the source"),
        _list(
            "How it was collected", [f"Dates, places, consent, ethical approval, de-identification, labelling: {TO_DO}"]
        ),
        _list("What the audit found", _audit(data)),
        _list("How it may be used", [f"Under its licence ({cell_text(data.cohort.licence)}); other terms: {TO_DO}"]),
        _list("Who keeps it", [f"Owner, contact, updates: {TO_DO}"]),
    ]
    return "\n\n".join(parts) + "\n"


def _list(title: str, lines: list[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines)


def _parts_table(data: ReportData) -> str:
    names = data.task.classes
    head = ["Part", *map(cell_text, names), "All", "Independent units"]
    rows = []
    for part, n in data.cohort.parts.items():
        row = data.cohort.part_classes.get(part, {})
        counts = [f"{row[name]:,}" if name in row else "–" for name in names]
        units = f"{data.cohort.part_units[part]:,}" if part in data.cohort.part_units else "–"
        rows.append([part, *counts, f"{n:,}", units])
    return _table(head, rows)


def _counts_table(counts: dict[str, dict[str, int]], names: tuple[str, ...], first: str) -> str:
    rows = [
        [part, *(f"{row.get(name, 0):,}" for name in names), f"{sum(row.values()):,}"] for part, row in counts.items()
    ]
    return _table([first, *map(cell_text, names), "All"], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def _audit(data: ReportData) -> list[str]:
    audit = data.audit
    lines = [f"{reason}: {n:,}" for reason, n in case_flow(data).left_out.items()]
    return [
        *lines,
        f"leaks between parts: {len(audit.leaks):,} (policy: {audit.policy})",
        f"copies inside one part: {audit.n_copies_within_parts:,}",
    ]
