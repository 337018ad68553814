"""The section about subgroups: where the model is worse than elsewhere, and by how much."""

from bedside.bundle.report_data import ReportData
from bedside.bundle.section import Section
from bedside.bundle.subgroup_forest import PANELS, forest_figure
from bedside.bundle.wording import with_interval
from bedside.verify.subgroup_evidence import SubgroupPair
from bedside.verify.subgroups import MIN_UNITS, Subgroup


def subgroup_section(data: ReportData) -> Section | None:
    """Forest plot, worst groups and gaps, and every group with its counts; None where the cohort has no attributes."""
    found = data.subgroups
    if found is None:
        return None
    return Section(
        anchor="subgroups",
        title="Subgroups: is it worse for some?",
        short="Subgroups",
        template="section_subgroups.html.j2",
        view={
            "left_out": "; ".join(f"{column} ({reason})" for column, reason in found.left_out.items()),
            "min_units": MIN_UNITS,
            "gaps": [row for pair in found.columns for row in _gaps(pair)],
            "columns": [_groups(pair) for pair in found.columns],
        },
        figures=(forest_figure(found),) if found.columns else (),
        numbers=found,
        starts_page=bool(found.columns),
    )


def _gaps(pair: SubgroupPair) -> list[dict[str, object]]:
    """One row a figure: the worst group, and the gap between best and worst of both models."""
    rows = []
    for metric, title in PANELS.items():
        gap = pair.shipped.largest_gap.get(metric)
        if gap is None:
            continue
        other = pair.reference.largest_gap.get(metric)
        rows.append(
            {
                "column": pair.column,
                "metric": title,
                "worst": pair.shipped.worst[metric],
                "value": with_interval(pair.shipped.worst_metrics[metric]),
                "gap": with_interval(gap, sign=True),
                "reference_gap": with_interval(other, sign=True) if other is not None else "not estimable",
                "apart": gap.low > 0,
            }
        )
    return rows


def _groups(pair: SubgroupPair) -> dict[str, object]:
    return {"column": pair.column, "rows": [_row(group) for group in pair.shipped.groups]}


def _row(group: Subgroup) -> dict[str, object]:
    return {
        "name": group.name,
        "counts": (group.n_cases, group.n_positive, group.n_patients),
        "note": group.note,
        "metrics": [] if group.note else [with_interval(group.metrics[metric]) for metric in PANELS],
    }
