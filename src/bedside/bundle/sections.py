"""The sections of the report, in their order; a section without a value is left out.

To add one:

1. give `ReportData` an optional field, ``None`` by default;
2. write a function ``(ReportData) -> Section | None`` that returns ``None`` where that field is ``None``;
3. write its template ``templates/section_NAME.html.j2``, which sees ``section.view`` and ``data`` (macros for tables,
   pills and intervals: ``{% from "macros.html.j2" import scroll, pill %}``);
4. put the function into `SECTIONS`.

Heading, anchor, entry in the navigation, figures with their downloads, red warnings on the first screen and the entry
in ``report.json`` (``sections.NAME``) follow from the `Section`; nothing else changes.
"""

from collections.abc import Callable

from bedside.bundle import report_rows as rows
from bedside.bundle import wording
from bedside.bundle.box_sections import detection_section
from bedside.bundle.case_flow import flow_figure
from bedside.bundle.finding_section import finding_section
from bedside.bundle.gaze_section import gaze_section
from bedside.bundle.hardship_sections import details_section, gate_section, robustness_section, shortcut_section
from bedside.bundle.int8_section import int8_section
from bedside.bundle.outline_section import outlines_section
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figures import report_figures
from bedside.bundle.section import Section
from bedside.bundle.subgroup_section import subgroup_section
from bedside.bundle.tile_section import tile_section
from bedside.bundle.uncertainty_sections import abstention_section, usefulness_section
from bedside.bundle.volume_section import volume_section
from bedside.verify.evidence import Evidence


def comparison_section(data: ReportData) -> Section:
    """Reference beside shipped model: metrics and costs."""
    flips = data.evidence.flips_frac
    return Section(
        anchor="comparison",
        title="Reference and shipped model",
        short="Comparison",
        template="section_comparison.html.j2",
        view={
            "metrics": rows.metric_rows(data),
            "methods": rows.interval_methods(data),
            "costs": rows.cost_rows(data),
            "conventions": () if isinstance(data.evidence, Evidence) else data.evidence.conventions,
            "flips_of": "cases" if isinstance(data.evidence, Evidence) else data.evidence.flips_of,
            "flips": wording.percent(flips.value),
            "flips_interval": wording.with_interval(flips),
        },
        starts_page=True,
    )


def figures_section(data: ReportData) -> Section:
    """The figures of every report."""
    return Section(
        anchor="figures",
        title="Figures",
        short="Figures",
        template="section_figures.html.j2",
        figures=report_figures(data),
        starts_page=True,
    )


def parity_section(data: ReportData) -> Section:
    """Each stage of the export against the one before."""
    return Section(
        anchor="parity",
        title="Parity: does the file compute what the trained model does?",
        short="Parity",
        template="section_parity.html.j2",
        view={"tables": rows.parity_tables(data)},
    )


def gallery_section(data: ReportData) -> Section:
    """Hits and misses."""
    return Section(
        anchor="gallery",
        title="Gallery: hits and misses",
        short="Gallery",
        template="section_gallery.html.j2",
        view={"groups": rows.gallery_groups(data)},
    )


def trials_section(data: ReportData) -> Section:
    """Every candidate and its fate."""
    return Section(
        anchor="trials",
        title="Trials",
        short="Trials",
        template="section_trials.html.j2",
        view={"rows": rows.trial_rows(data)},
    )


def cohort_section(data: ReportData) -> Section:
    """Who was imaged, what the audit found, and the flow of cases."""
    return Section(
        anchor="cohort",
        title="Cohort",
        short="Cohort",
        template="section_cohort.html.j2",
        view=rows.cohort_tables(data),
        warnings=tuple(f"Few cases, {sentence}." for sentence in data.cohort.few),
        figures=(flow_figure(data),),
    )


def lineage_section(data: ReportData) -> Section:
    """What was made from what."""
    return Section(
        anchor="lineage", title="Lineage", short="Lineage", template="section_lineage.html.j2", starts_page=True
    )


SECTIONS: tuple[Callable[[ReportData], Section | None], ...] = (
    comparison_section,
    figures_section,
    detection_section,
    finding_section,
    outlines_section,
    details_section,
    usefulness_section,
    subgroup_section,
    abstention_section,
    gaze_section,
    robustness_section,
    volume_section,
    gate_section,
    shortcut_section,
    parity_section,
    int8_section,
    tile_section,
    gallery_section,
    trials_section,
    cohort_section,
    lineage_section,
)


def sections_of(data: ReportData) -> tuple[Section, ...]:
    """Make every section that has a value."""
    return tuple(section for make in SECTIONS if (section := make(data)) is not None)
