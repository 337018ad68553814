"""Write the pack: everything that a reviewer reads beside the report, as text files of the bundle."""

from bedside.bundle.case_flow import flow_figure
from bedside.bundle.manifest import IntendedUse
from bedside.bundle.model_card import intended_use
from bedside.bundle.pack.change_plan import change_plan_markdown
from bedside.bundle.pack.checklists import (
    CHECKLISTS,
    TO_DO,
    cell_text,
    checklist_markdown,
    checklists_csv,
    filled,
    load_checklist,
)
from bedside.bundle.pack.data_sheet import data_sheet_markdown
from bedside.bundle.pack.facts import facts_of
from bedside.bundle.pack.sbom import Shipped, sbom_json
from bedside.bundle.pack.trace import trace_markdown
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figure import csv_text, standalone_svg
from bedside.bundle.wording import forbidden_uses

FOLDER = "pack"
CONTENTS = {
    "intended_use.md": "what the model is for, and its limits",
    "tripod_ai.md": "TRIPOD+AI, filled as far as the run knows",
    "stard_ai.md": "STARD-AI, likewise",
    "claim.md": "CLAIM 2024, likewise",
    "checklists.csv": "the three checklists in one sheet, with a column for the owner",
    "data_sheet.md": "data sheet of the cohort, counts only",
    "case_flow.svg": "flow of cases: assessed, left out and why, in use, evaluated",
    "case_flow.csv": "the counts of that diagram",
    "change_plan.md": "predetermined change control plan, draft",
    "trace.md": "requirements of the ward and the tests that show them",
    "sbom.cdx.json": "bill of materials of the ward's runtime, CycloneDX 1.6",
}
"""Files of the pack and what each is; the model card lies beside them, at the top of the bundle."""


def pack_texts(data: ReportData, *, name: str, version: str) -> dict[str, str]:
    """Return the text of every file by its path in the bundle: the same value gives the same bytes.

    Parameters
    ----------
    name
        Of the bundle.
    version
        Of bedside.

    Raises
    ------
    MissingPackageError
        If `packaging` is not installed.
    """
    facts, flow = facts_of(data), flow_figure(data)
    checklists = {key: load_checklist(key) for key in CHECKLISTS}
    tables = {key: filled(checklist, facts) for key, checklist in checklists.items()}
    texts = {
        "intended_use.md": intended_use_markdown(intended_use(data), data),
        **{f"{key}.md": checklist_markdown(checklists[key], tables[key]) for key in CHECKLISTS},
        "checklists.csv": checklists_csv({checklists[key].name: tables[key] for key in CHECKLISTS}),
        "data_sheet.md": data_sheet_markdown(data),
        "case_flow.svg": standalone_svg(flow.svg),
        "case_flow.csv": csv_text(flow.table),
        "change_plan.md": change_plan_markdown(data),
        "trace.md": trace_markdown(version),
        "sbom.cdx.json": sbom_json(Shipped(name=name, version=version, models=data.models)),
    }
    return {f"{FOLDER}/{file}": texts[file] for file in CONTENTS}


def intended_use_markdown(use: IntendedUse, data: ReportData) -> str:
    """Write intended use and limits on a page of their own."""
    fields = "\n".join(
        f"- {name.capitalize()}: {cell_text(getattr(use, name))}"
        for name in ("purpose", "population", "setting", "user")
    )
    limits = "\n".join(f"- {cell_text(limit)}" for limit in (*forbidden_uses(data), use.limits))
    return (
        f"# Intended use and limits: {cell_text(data.cohort.name)}\n\n> Research use. Not for diagnosis.\n\n"
        f"## Intended use\n\n{fields}\n- Contraindications, training of users, harm of an error: {TO_DO}\n\n"
        f"## What it must not be used for, and other limits\n\n{limits}\n"
    )
