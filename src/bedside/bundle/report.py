"""The report: one HTML file that needs nothing but a browser."""

from importlib.resources import files
from typing import Any

from bedside.base.seam import Requirement, require
from bedside.bundle import report_sections as sections
from bedside.bundle import summary, wording
from bedside.bundle.figures import confusion_svg, reliability_svg, roc_curve_svg
from bedside.bundle.pareto import Cost, pareto_svg
from bedside.bundle.report_data import ReportData

_NEEDS = (Requirement("jinja2", "bedside[workshop]"), Requirement("matplotlib", "bedside[workshop]"))


def summary_rows(data: ReportData) -> list[tuple[str, str, str]]:
    """Rows of (what, reference, shipped) for a terminal: main metrics with intervals, costs with their origin."""
    return list(summary.summary_rows(data.evidence, data.reference_profile, data.chosen.profile))


def render_report(data: ReportData) -> str:
    """Write the report as one self-contained HTML file: the same value gives the same bytes.

    Raises
    ------
    MissingPackageError
        If jinja2 or matplotlib is not installed.
    """
    require("writing the report", _NEEDS)
    from jinja2 import Environment, StrictUndefined

    folder = files("bedside.bundle") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((folder / "report.html.j2").read_text(encoding="utf-8"))
    return template.render(_view(data, (folder / "report.css").read_text(encoding="utf-8")))


def _view(data: ReportData, css: str) -> dict[str, Any]:
    """Everything that the template names."""
    from markupsafe import Markup

    trial = data.chosen
    return {
        "css": Markup(css),
        "data": data,
        "trial": trial,
        "verdict": data.evidence.non_inferiority.verdict,
        "verdict_sentence": wording.verdict_sentence(data.evidence.non_inferiority, data.reference_name),
        "purpose": wording.purpose(data),
        "tiles": _tiles(data),
        "flips": wording.percent(data.evidence.flips_frac.value),
        "flips_interval": wording.with_interval(data.evidence.flips_frac),
        "metrics": sections.metric_rows(data),
        "methods": sections.interval_methods(data),
        "costs": sections.cost_rows(data),
        "figures": [(Markup(svg), caption) for svg, caption in _figures(data)],
        "parity": sections.parity_tables(data),
        "gallery": sections.gallery_groups(data),
        "trials": sections.trial_rows(data),
        "cohort": sections.cohort_tables(data),
        "three_digits": wording.three_digits,
        "three_decimals": wording.three_decimals,
    }


def _tiles(data: ReportData) -> list[dict[str, str]]:
    """Pick the numbers of the first screen."""
    shipped, reference, profile = data.evidence.shipped, data.evidence.reference, data.chosen.profile
    names = {"auroc": "AUROC", "sensitivity": "Sensitivity", "specificity": "Specificity"}
    tiles = []
    for key, name in names.items():
        estimate, other = getattr(shipped, key), getattr(reference, key)
        interval = wording.with_interval(estimate).partition(" [")[2].rstrip("]").replace(", ", " to ")
        tiles.append(
            {
                "name": name,
                "value": wording.three_decimals(estimate.value),
                "unit": "",
                "note": interval,
                "beside": f"reference {wording.three_decimals(other.value)}",
            }
        )
    for key, name, unit, less, more in (
        ("size_kib", "Size", "KiB", "smaller", "larger"),
        ("latency_p50_ms", "Latency", "ms", "faster", "slower"),
        ("energy_mj", "Energy", "mJ", "less", "more"),
    ):
        cost, other = getattr(profile, key), getattr(data.reference_profile, key)
        change = sections.compared(data, key, less, more)
        tiles.append(
            {
                "name": f"{name}, {cost.origin}",
                "value": wording.three_digits(cost.value),
                "unit": unit,
                "note": change,
                "beside": f"reference {wording.three_digits(other.value)}",
            }
        )
    return tiles


def _figures(data: ReportData) -> list[tuple[str, str]]:
    task, trial = data.task, data.chosen
    roc = roc_curve_svg(
        task,
        data.labels,
        data.shipped_probabilities,
        data.reference_probabilities,
        threshold_prob=trial.point.threshold_prob,
        seed=data.seed,
    )
    kind = "probability of " + task.positive_name if task.is_binary else "probability of the class called"
    return [
        (
            roc,
            "ROC on the sealed test." + (" The band is a pointwise 95 % bootstrap by case." if task.is_binary else ""),
        ),
        (reliability_svg(task, data.labels, data.shipped_probabilities), f"Reliability on the sealed test: {kind}."),
        (
            confusion_svg(task, data.evidence.shipped.confusion),
            "Confusion on the sealed test: cases, and share of each row.",
        ),
        (_pareto(data, "size"), "Trials by size. Whiskers: 95 % interval on tuning."),
        (_pareto(data, "latency"), "Trials by latency. Whiskers: 95 % interval on tuning, and p50 to p90."),
    ]


def _pareto(data: ReportData, cost: Cost) -> str:
    trial = data.chosen
    reference_auroc = trial.tuning_auroc.value - trial.non_inferiority.difference.value
    return pareto_svg(
        data.trials, trial.name, data.budget, data.reference_profile, cost=cost, reference_auroc=reference_auroc
    )
