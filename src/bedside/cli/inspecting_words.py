"""A survey in words, for the terminal and for the page."""

from collections.abc import Sequence

from bedside.base.errors import CohortError
from bedside.data.cohort import Cohort
from bedside.data.split import split_by_patient
from bedside.data.survey import Survey
from bedside.verify.few_cases import few_cases

MOST = 8
"""Lines of a list that are shown."""


def facts_of(survey: Survey) -> dict[str, str]:
    """What the images are like, in words."""
    return {
        "modalities": _several(survey.modalities),
        "sizes (rows x columns)": _several(survey.sizes),
        "spacings, mm": _several(survey.spacings_mm),
        "intensity, 0-255": ", ".join(f"{name} {value}" for name, value in survey.intensity.items()),
        "copies inside one part": str(survey.audit.n_copies_within_parts),
        "leaks between parts": str(len(survey.audit.leaks)),
        "constant images": str(len(survey.audit.constant)),
        "unreadable or quarantined": str(len(survey.audit.unreadable)),
    }


def troubles_of(survey: Survey, few: Sequence[str] = ()) -> dict[str, list[str]]:
    """What needs a decision, under its heading; empty for a sound cohort. `few` is from `few_in`."""
    audit = survey.audit
    lists = {
        f"{len(audit.leaks)} leaks between parts": [str(leak) for leak in audit.leaks],
        f"{len(audit.unreadable)} files left out": [f"{name}: {why}" for name, why in audit.unreadable.items()],
        f"{len(audit.constant)} constant images": list(audit.constant),
        "few cases of a class": list(few),
        "classes that a part lacks": [f"{part} has no {name}" for part, name in survey.absent],
    }
    return {heading: lines for heading, lines in lists.items() if lines}


def few_in(cohort: Cohort) -> tuple[str, ...]:
    """What few patients of a class can say at best, in the parts that `optimize` would use; nothing without parts."""
    try:
        return few_cases(split_by_patient(cohort, seed=0), cohort.task)
    except CohortError:
        return ()  # such a cohort is refused, and `optimize` says why


def _several(counts: dict[str, int]) -> str:
    shown = [f"{name} ({n})" for name, n in list(counts.items())[:MOST]]
    return "; ".join(shown) + (f"; and {len(counts) - MOST} more" if len(counts) > MOST else "")
