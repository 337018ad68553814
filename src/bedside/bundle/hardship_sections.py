"""Sections beyond the main comparison: further metrics, spoilt images, odd images, shortcuts."""

from bedside.base.estimate import Estimate
from bedside.bundle.evidence_words import CLASS_METRICS
from bedside.bundle.report_data import ReportData
from bedside.bundle.section import Section
from bedside.bundle.wording import percent, three_decimals, with_interval
from bedside.verify.evidence import Evidence

_DETAIL_NAMES = {
    "average_precision": "Average precision",
    "balanced_accuracy": "Balanced accuracy",
    "mcc": "Matthews correlation",
    "kappa": "Cohen's kappa",
    "lr_positive": "Likelihood ratio of a positive call",
    "lr_negative": "Likelihood ratio of a negative call",
    "sensitivity_at_specificity_90": "Sensitivity at 90 % specificity",
    "sensitivity_at_specificity_95": "Sensitivity at 95 % specificity",
    "specificity_at_sensitivity_90": "Specificity at 90 % sensitivity",
    "specificity_at_sensitivity_95": "Specificity at 95 % sensitivity",
    "calibration_slope": "Calibration slope (1 is right)",
    "calibration_intercept": "Calibration intercept (0 is right)",
}


def details_section(data: ReportData) -> Section | None:
    """Metrics beyond the first table, of reference and shipped model."""
    found = data.evidence.details if isinstance(data.evidence, Evidence) else {}
    if not found:
        return None
    shipped, reference = found["shipped"], found["reference"]
    names = [name for name in shipped.metrics if name not in CLASS_METRICS]
    table = [
        {
            "name": _DETAIL_NAMES.get(name, name.replace("_", " ")),
            "reference": with_interval(reference.metrics[name]),
            "shipped": with_interval(shipped.metrics[name]),
        }
        for name in names
    ]
    return Section(
        anchor="details",
        title="Further metrics",
        short="Metrics",
        template="section_details.html.j2",
        view={"rows": table, "flags": shipped.flags},
        numbers=found,
    )


def robustness_section(data: ReportData) -> Section | None:
    """What corruptions of the modality take from the shipped model, and what of that is compression's."""
    found = data.robustness
    if found is None:
        return None
    table = []
    for name in found.suite.names:
        at = [r.shipped for r in found.results if r.corruption == name]
        table.append(
            {
                "name": name,
                "auroc": [three_decimals(standing.auroc.value) for standing in at],
                "rates": [f"{percent(s.sensitivity.value)} / {percent(s.specificity.value)}" for s in at],
                "excess": with_interval(found.of_corruption[name], sign=True),
            }
        )
    return Section(
        anchor="robustness",
        title="Spoilt images",
        short="Spoilt images",
        template="section_robustness.html.j2",
        view={
            "found": found,
            "rows": table,
            "clean": with_interval(found.clean_shipped.auroc),
            "mean": with_interval(found.mean_shipped_loss),
            "excess": with_interval(found.mean_excess_loss, sign=True),
        },
        numbers=found,
        starts_page=True,
    )


def _share(found: Estimate) -> str:
    """A share of images in percent, with its interval."""
    return f"{percent(found.value)} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def gate_section(data: ReportData) -> Section | None:
    """What the acceptance gate refers instead of judging."""
    found = data.gate
    if found is None:
        return None
    table = [
        {"name": name, "auroc": with_interval(kind.auroc), "referred": _share(kind.referred_frac)}
        for name, kind in found.kinds.items()
    ]
    return Section(
        anchor="gate",
        title="Odd images: what is referred instead of judged",
        short="Odd images",
        template="section_gate.html.j2",
        view={"rows": table, "usual": _share(found.refer_frac), "n_images": found.n_images},
        numbers=found,
    )


def shortcut_section(data: ReportData) -> Section | None:
    """Whether the label can be told without the anatomy; each probe that can is a red warning."""
    found = data.shortcuts
    if found is None:
        return None
    table = [
        {
            "region": probe.region,
            "where": probe.where,
            "area": percent(probe.area_frac),
            "auroc": with_interval(probe.auroc),
            "flagged": probe.flagged,
        }
        for probe in found.probes
    ]
    warnings = [
        f"The {probe.region} alone tells the label of development images (AUROC {probe.auroc.value:.2f}): the model "
        "may have learned how images were made instead of what they show."
        for probe in found.flagged
    ]
    return Section(
        anchor="shortcuts",
        title="Shortcuts: can the label be told without the anatomy?",
        short="Shortcuts",
        template="section_shortcuts.html.j2",
        view={"found": found, "rows": table},
        numbers=found,
        warnings=tuple(warnings),
    )
