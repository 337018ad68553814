"""A survey in words, for the terminal and for the page."""

from bedside.data.survey import Survey

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


def troubles_of(survey: Survey) -> dict[str, list[str]]:
    """What needs a decision, under its heading; empty for a sound cohort."""
    audit = survey.audit
    lists = {
        f"{len(audit.leaks)} leaks between parts": [str(leak) for leak in audit.leaks],
        f"{len(audit.unreadable)} files left out": [f"{name}: {why}" for name, why in audit.unreadable.items()],
        f"{len(audit.constant)} constant images": list(audit.constant),
        "classes that a part lacks": [f"{part} has no {name}" for part, name in survey.absent],
    }
    return {heading: lines for heading, lines in lists.items() if lines}


def _several(counts: dict[str, int]) -> str:
    shown = [f"{name} ({n})" for name, n in list(counts.items())[:MOST]]
    return "; ".join(shown) + (f"; and {len(counts) - MOST} more" if len(counts) > MOST else "")
