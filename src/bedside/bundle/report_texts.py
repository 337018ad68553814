"""Every text that a bundle says about itself: report, its numbers, model card and pack."""

from bedside.bundle.model_card import render_model_card
from bedside.bundle.pack.writing import pack_texts
from bedside.bundle.report import render_report
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_numbers import report_json
from bedside.bundle.sections import sections_of


def report_texts(data: ReportData, *, name: str, version: str) -> dict[str, str]:
    """Return each text by its path in the bundle; sections and figures are made once.

    Parameters
    ----------
    name
        Of the bundle.
    version
        Of bedside.

    Raises
    ------
    MissingPackageError
        If jinja2, matplotlib or packaging is not installed.
    """
    sections = sections_of(data)
    return {
        "report.html": render_report(data, sections),
        "report.json": report_json(data, sections),
        "model_card.md": render_model_card(data, data.start_weights),
        **pack_texts(data, name=name, version=version),
    }
