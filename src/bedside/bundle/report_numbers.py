"""Every number of the report as JSON, for programs; its schema is kept in ``schema/report-1.json``."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from pydantic import ConfigDict

from bedside.base.budget import Budget
from bedside.base.jsonform import json_schema, to_plain
from bedside.base.stamp import Stamp
from bedside.base.task import Task
from bedside.bundle.cohort_numbers import CohortNumbers
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figure import FigureTable
from bedside.bundle.section import Section
from bedside.bundle.section_kinds import with_sections
from bedside.verify.judge import AnyEvidence
from bedside.verify.parity import ParityReport
from bedside.verify.profiling import Profile
from bedside.verify.selection import Choice, Trial

REPORT_VERSION = 1
_FORBID = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturedCase:
    """A case of the gallery, without its picture."""

    __pydantic_config__ = _FORBID

    kind: str
    truth: str
    called: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportNumbers:
    """The report without its pictures.

    Parameters
    ----------
    figures
        The numbers behind each figure, by the figure's name: what its CSV holds.
    sections
        Numbers of the further sections, by their anchor.
    """

    __pydantic_config__ = _FORBID

    report_version: int
    task: Task
    cohort: CohortNumbers
    budget: Budget
    evidence: AnyEvidence
    reference_name: str
    profiles: dict[str, Profile]
    parity: dict[str, ParityReport]
    trials: tuple[Trial, ...]
    choice: Choice
    dropped_on_paper: dict[str, str]
    sizes_kib: dict[str, float]
    gallery: tuple[PicturedCase, ...]
    figures: dict[str, FigureTable]
    sections: dict[str, Any]
    lineage: tuple[Stamp, ...]
    versions: dict[str, str]
    seed: int
    preset: str


def report_numbers(data: ReportData, sections: Sequence[Section]) -> ReportNumbers:
    """Collect them from what the report shows."""
    return ReportNumbers(
        report_version=REPORT_VERSION,
        task=data.task,
        cohort=data.cohort,
        budget=data.budget,
        evidence=data.evidence,
        reference_name=data.reference_name,
        profiles={"reference": data.reference_profile, "shipped": data.chosen.profile},
        parity=data.parity_of_format,
        trials=data.trials,
        choice=data.choice,
        dropped_on_paper=data.dropped_on_paper,
        sizes_kib=data.sizes_kib,
        gallery=tuple(
            PicturedCase(kind=item.kind, truth=item.truth, called=item.called, probability=item.probability)
            for item in data.gallery
        ),
        figures={figure.name: figure.table for section in sections for figure in section.figures},
        sections={section.anchor: section.numbers for section in sections if section.numbers is not None},
        lineage=data.lineage,
        versions=data.versions,
        seed=data.seed,
        preset=data.preset,
    )


def report_json(data: ReportData, sections: Sequence[Section]) -> str:
    """Write ``report.json``: strict JSON (RFC 8259), in which a number that the data cannot give is null."""
    plain = _without_nan(to_plain(report_numbers(data, sections)))
    return json.dumps(plain, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _without_nan(plain: Any) -> Any:
    if isinstance(plain, float):
        return plain if math.isfinite(plain) else None
    if isinstance(plain, dict):
        return {key: _without_nan(value) for key, value in plain.items()}
    return [_without_nan(value) for value in plain] if isinstance(plain, list) else plain


def report_schema() -> dict[str, Any]:
    """JSON Schema of ``report.json``, as it is kept in the package."""
    return json.loads((files("bedside.bundle") / "schema" / f"report-{REPORT_VERSION}.json").read_text())


def current_report_schema() -> dict[str, Any]:
    """JSON Schema made from the code, in which every number may be null; equal to `report_schema`."""
    return _nullable(with_sections(json_schema(ReportNumbers)))


def _nullable(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _nullable(value) for key, value in schema.items()}
    return made | {"type": ["number", "null"]} if made.get("type") == "number" else made
