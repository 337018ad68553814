"""What the figures of an evidence value are called, whichever kind of task it is about."""

from bedside.base.estimate import Estimate
from bedside.verify.evidence import Evidence
from bedside.verify.judge import AnyEvidence
from bedside.verify.measured import Metric

CLASS_METRICS = {
    "auroc": Metric(title="AUROC"),
    "sensitivity": Metric(title="Sensitivity"),
    "specificity": Metric(title="Specificity"),
    "ppv": Metric(title="Positive predictive value"),
    "npv": Metric(title="Negative predictive value"),
    "accuracy": Metric(title="Accuracy"),
    "f1": Metric(title="F1 score"),
    "brier": Metric(title="Brier score", lower_is_better=True),
    "ece": Metric(title="Expected calibration error", lower_is_better=True),
}
GRADE_METRICS = {
    "quadratic_kappa": Metric(title="Quadratic-weighted kappa"),
    "linear_kappa": Metric(title="Linear-weighted kappa"),
    "mean_error_grades": Metric(title="Mean absolute error", lower_is_better=True, unit="grades"),
    "adjacent_accuracy": Metric(title="Right or one grade off"),
    "auroc_from_positive": Metric(title="AUROC of the looked-for grade or more"),
}
"""Of ordered classes, before those of any classification."""

N_HEADLINE = 3


def metrics_of(evidence: AnyEvidence) -> dict[str, Metric]:
    """Every figure by name, in the order of the reports."""
    if not isinstance(evidence, Evidence):
        return evidence.metrics
    return {name: GRADE_METRICS[name] for name in evidence.shipped.more} | CLASS_METRICS


def headline(evidence: AnyEvidence) -> tuple[str, ...]:
    """Names of the figures for a first look; the one that the verdict is about comes first."""
    if isinstance(evidence, Evidence):
        graded = ("quadratic_kappa", "mean_error_grades", "adjacent_accuracy")
        return graded if evidence.shipped.more else ("auroc", "sensitivity", "specificity")
    others = (name for name in evidence.metrics if name != evidence.primary)
    return (evidence.primary, *others)[:N_HEADLINE]


def primary_title(evidence: AnyEvidence) -> str:
    """Name of the figure that the verdict is about."""
    return metrics_of(evidence)[headline(evidence)[0]].title


def both(evidence: AnyEvidence, name: str) -> tuple[Estimate, Estimate]:
    """Reference's and shipped model's estimate of one figure."""
    return evidence.reference.metrics()[name], evidence.shipped.metrics()[name]


def in_sentence(title: str) -> str:
    """Write a title within a sentence: abbreviations and names keep their capitals."""
    first = title.split(maxsplit=1)[0].rstrip(",")
    return title if first != first.capitalize() or first in ("Dice",) else title[0].lower() + title[1:]
