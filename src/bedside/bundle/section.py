"""One section of the report; `bedside.bundle.sections` says how to add one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bedside.bundle.report_figure import ReportFigure


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section of the report.

    Parameters
    ----------
    anchor
        Its id on the page and its name in ``report.json``.
    short
        Its name in the navigation.
    template
        File in ``templates/``.
    view
        What the template names as ``section.view``.
    figures
        Drawn below the template's text.
    numbers
        A frozen value (or a mapping of such) for ``report.json``; None if the report's own fields already hold it.
    warnings
        Sentences that the first screen shows in red.
    starts_page
        Whether it starts a new page in print.
    """

    anchor: str
    title: str
    short: str
    template: str
    view: Mapping[str, Any] = field(default_factory=dict)
    figures: tuple[ReportFigure, ...] = ()
    numbers: object = None
    warnings: tuple[str, ...] = ()
    starts_page: bool = False
