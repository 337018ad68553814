"""Section of the report: what spoilt volumes take from the outlines."""

from bedside.bundle.report_data import ReportData
from bedside.bundle.section import Section
from bedside.bundle.wording import three_decimals, with_interval


def volume_section(data: ReportData) -> Section | None:
    """Dice on corrupted volumes, and what of the loss is compression's; None where it was not measured."""
    found = data.volume_robustness
    if found is None:
        return None
    table = []
    for name in found.suite.names:
        at = [r for r in found.results if r.corruption == name]
        table.append(
            {
                "name": name,
                "dice": [three_decimals(r.shipped_dice.value) for r in at],
                "lost": [with_interval(r.shipped_loss, sign=True) for r in at],
                "excess": with_interval(found.of_corruption[name], sign=True),
            }
        )
    worst = found.worst
    return Section(
        anchor="spoilt-volumes",
        title="Spoilt volumes",
        short="Spoilt volumes",
        template="section_volumes.html.j2",
        view={
            "found": found,
            "rows": table,
            "clean": with_interval(found.clean_shipped),
            "mean": with_interval(found.mean_shipped_loss),
            "excess": with_interval(found.mean_excess_loss, sign=True),
            "worst": f"{worst.corruption}, severity {worst.severity}",
        },
        numbers=found,
        starts_page=True,
    )
