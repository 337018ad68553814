"""One thing that a run knows about itself, in words."""

from collections.abc import Callable
from dataclasses import dataclass

from bedside.bundle.report_data import ReportData


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that the run knows.

    Parameters
    ----------
    leaves
        What remains for the owner to state; empty if nothing does.
    """

    text: str
    leaves: str = ""


def said(text: str, leaves: str = "") -> Callable[[ReportData], Fact]:
    """Make a fact that holds for every run."""
    return lambda data: Fact(text=text, leaves=leaves)
