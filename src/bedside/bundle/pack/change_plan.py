"""Draft of a predetermined change control plan, made from the thresholds of the gate.

Three parts, as in FDA, Marketing Submission Recommendations for a Predetermined Change Control Plan for Artificial
Intelligence-Enabled Device Software Functions (2024): modifications, protocol, impact.
"""

from collections.abc import Sequence

from bedside.bundle.golden import TOLERANCE_PROB
from bedside.bundle.pack.checklists import TO_DO, cell_text
from bedside.bundle.report_data import ReportData
from bedside.bundle.wording import percent, with_interval
from bedside.verify.parity import EXACT_TOLERANCE_PROB, INT8_TOLERANCE_PROB, MAX_FLIPS_FRAC

_CHANGES = (
    ("C1", "More or newer images of the same cohort, same labels and same modality", "fit, compress, evaluate again"),
    ("C2", "Another recipe, bit width or file format of the same task", "compress, export, evaluate again"),
    ("C3", "A newer version of the runtime or of the software below it", "parity and golden outputs again"),
    ("C4", "Temperature and threshold locked again on new tuning data", "evaluate again"),
)
_RISKS = (
    ("The new model misses more", "C1, C2, C4", "non-inferiority verdict on a sealed test"),
    ("The file computes something else than was trained", "C2, C3", "parity, stage by stage, and calls that flip"),
    ("A machine computes something else than was evaluated", "C2, C3", "golden outputs at every bedside verify"),
    ("The test is worn out by being used again", "C1, C2, C4", "a new test part, sealed, opened once"),
    ("Patients stand in training and test", "C1", "the audit; a leak stops the run"),
    ("The model no longer fits the device", "C2, C3", "budget, measured on the device"),
    ("A group of patients is served worse", "C1, C2, C4", f"subgroup results: {TO_DO}"),
)


def change_plan_markdown(data: ReportData) -> str:
    """Write the draft; what only the owner can promise is marked so."""
    parts = [
        f"# Predetermined change control plan, draft: {cell_text(data.cohort.name)}",
        "A draft for the owner's quality system, not a cleared plan. Thresholds are those of the gate that this bundle "
        "passed; a change that does not meet every one of them is outside the plan.",
        "## 1 Description of modifications",
        _table(("Id", "Change", "What is done again"), _CHANGES),
        "Outside the plan: another intended use, population, modality, class list or class that is looked for; a "
        f"change of the preprocessing. Frequency, and who decides: {TO_DO}.",
        "## 2 Modification protocol",
        "### 2.1 Data",
        f"Source, licence and audit as in data_sheet.md. New test data for every evaluation: {TO_DO}. No patient, "
        "group or near copy in two parts; the test part is sealed until the model is chosen.",
        "### 2.2 Making the model",
        f"`bedside optimize` with preset {cell_text(data.preset)} and seed {data.seed}; the recipe is "
        "evidence/recipe.json.",
        "### 2.3 Acceptance",
        _table(("Gate", "Threshold, set beforehand", "This bundle"), _gates(data)),
        "### 2.4 Release",
        f"A new bundle with a new digest and signature; the old one is kept. Roll-out, notice to users, "
        f"roll-back: {TO_DO}.",
        "## 3 Impact assessment",
        _table(("Risk", "Changes", "What limits it"), _RISKS),
        f"Benefits, residual risks, effect of several changes together: {TO_DO}.",
    ]
    return "\n\n".join(parts) + "\n"


def _gates(data: ReportData) -> list[tuple[str, str, str]]:
    judged, parity = data.evidence.non_inferiority, data.parity_of_format
    broken = [name for name, report in parity.items() if not report.passed]
    flips = max((report.end_to_end.flips_frac for report in parity.values()), default=float("nan"))
    rows = [
        (
            "Non-inferiority",
            f"verdict PASS: the 95 % interval of the {judged.metric} difference lies above −{judged.margin:g}",
            f"{judged.verdict}, {with_interval(judged.difference, sign=True)}",
        ),
        ("Parity, float stages", f"no probability moves by more than {EXACT_TOLERANCE_PROB:g}", _passed(broken)),
        ("Parity, int8 stage", f"no probability moves by more than {INT8_TOLERANCE_PROB:g}", _passed(broken)),
        ("Flips", f"at most {percent(MAX_FLIPS_FRAC)} of calls change from trained model to file", percent(flips)),
        (
            "Golden outputs",
            ", ".join(f"{precision}: {tolerance:g}" for precision, tolerance in TOLERANCE_PROB.items())
            + " in probability, on every machine",
            "checked by bedside verify",
        ),
        ("Leaks between parts", "none, or mended before training", f"{len(data.audit.leaks)}, {data.audit.policy}"),
    ]
    ceilings = str(data.budget).replace("<=", "at most") if data.budget.limits() else ""
    if ceilings:
        rows.append(("Budget", ceilings, "met; costs are in report.html"))
    return rows


def _passed(broken: list[str]) -> str:
    return f"broken: {', '.join(broken)}" if broken else "passed, every format"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *(tuple(map(cell_text, row)) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
