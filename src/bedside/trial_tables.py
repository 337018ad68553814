"""Tables that a run leaves beside its journal as it goes on: trials, and tries of the autopilot."""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from bedside.base.budget import Budget
from bedside.base.files import write_atomic
from bedside.base.jsonform import to_json
from bedside.verify.int8_tries import AutopilotReport
from bedside.verify.selection import Trial


def leave_trials(folder: Path, trials: Sequence[Trial], budget: Budget, dropped: dict[str, str]) -> Path:
    """Write the trial table (CSV and JSON) so that it is there whatever happens next."""
    sheet = StringIO()
    writer = csv.writer(sheet)
    writer.writerow(
        ["trial", "may_ship", "reason", "tuning_score", "low", "high", "size_kib", "latency_p50_ms", "latency_p90_ms",
         "memory_mib", "energy_mj", "mmacs", "n_parameters", "flips_frac"]
    )  # fmt: skip
    for trial in trials:
        writer.writerow(_row(trial, budget))
    for name, reason in dropped.items():
        writer.writerow([name, "no", f"on paper: {reason}", *[""] * 11])
    write_atomic(folder / "trials.json", to_json(tuple(trials), indent=1))
    write_atomic(folder / "trials.csv", sheet.getvalue().encode())
    return folder / "trials.csv"


def _row(trial: Trial, budget: Budget) -> list[object]:
    refusal, cost = trial.refusal(budget), trial.profile
    numbers = (
        trial.tuning_score.value, trial.tuning_score.low, trial.tuning_score.high, cost.size_kib.value,
        cost.latency_p50_ms.value, cost.latency_p90_ms.value, cost.peak_memory_mib.value, cost.energy_mj.value,
        trial.mmacs,
    )  # fmt: skip
    shown = [f"{number:.6g}" for number in numbers]
    flips = f"{trial.parity.end_to_end.flips_frac:.4f}"
    return [trial.name, "no" if refusal else "yes", refusal, *shown, trial.n_parameters, flips]


def leave_tries(folder: Path, reports: Sequence[AutopilotReport]) -> Path:
    """Write the table of tries (``int8.json``, ``int8.csv``) beside the journal, whatever happens next."""
    sheet = StringIO()
    writer = csv.writer(sheet)
    writer.writerow(["model", "format", "fix", "layers", "verdict", "why", "tuning_score", "difference", "low", "high",
                     "flips_frac", "agreement_flips_frac", "size_kib", "latency_p50_ms", "seconds"])  # fmt: skip
    for report in reports:
        for row in report.tries:
            score = row.tuning_score.value if row.tuning_score else ""
            gap = row.difference
            writer.writerow(
                [report.model, report.format, row.fix, " ".join(row.layers), "passed" if row.passed else "refused",
                 row.why, score, *((gap.value, gap.low, gap.high) if gap else ("", "", "")), row.flips_frac,
                 row.agreement_flips_frac, row.size_kib, row.latency_p50_ms, row.seconds]
            )  # fmt: skip
    write_atomic(folder / "int8.json", to_json(tuple(reports), indent=1))
    write_atomic(folder / "int8.csv", sheet.getvalue().encode())
    return folder / "int8.csv"
