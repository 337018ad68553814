"""The report: one HTML file that needs nothing but a browser."""

from importlib.resources import files
from typing import Any

from bedside.base.seam import Requirement, require
from bedside.bundle import first_screen, summary, wording
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figure import downloads
from bedside.bundle.section import Section
from bedside.bundle.sections import sections_of

_NEEDS = (Requirement("jinja2", "bedside[workshop]"), Requirement("matplotlib", "bedside[workshop]"))


def summary_rows(data: ReportData) -> list[tuple[str, str, str]]:
    """Rows of (what, reference, shipped) for a terminal: main metrics with intervals, costs with their origin."""
    return list(summary.summary_rows(data.evidence, data.reference_profile, data.chosen.profile))


def render_report(data: ReportData, sections: tuple[Section, ...] | None = None) -> str:
    """Write the report as one self-contained HTML file: the same value gives the same bytes.

    Parameters
    ----------
    sections
        What `bedside.bundle.sections.sections_of` gave, if the caller has it already.

    Raises
    ------
    MissingPackageError
        If jinja2 or matplotlib is not installed.
    """
    require("writing the report", _NEEDS)
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(template_text),
    )
    sections = sections_of(data) if sections is None else sections
    return environment.get_template("report.html.j2").render(_view(data, sections))


def template_text(name: str) -> str:
    """Text of a file in ``templates/``."""
    return (files("bedside.bundle") / "templates" / name).read_text(encoding="utf-8")


def _view(data: ReportData, sections: tuple[Section, ...]) -> dict[str, Any]:
    """Everything that the page and its sections name."""
    from markupsafe import Markup

    return {
        "css": Markup(template_text("report.css")),
        "data": data,
        "trial": data.chosen,
        "verdict": data.evidence.non_inferiority.verdict,
        "verdict_sentence": wording.verdict_sentence(data.evidence.non_inferiority, data.reference_name),
        "purpose": wording.purpose(data),
        "plain_words": first_screen.plain_words(data),
        "warnings": first_screen.red_warnings(data, sections),
        "tiles": first_screen.tiles(data),
        "sections": sections,
        "markup": Markup,
        "downloads": downloads,
        "counted": wording.counted,
        "cut": wording.cut(data.task, data.chosen.point),
        "three_digits": wording.three_digits,
        "three_decimals": wording.three_decimals,
    }
