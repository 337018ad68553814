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
N_HEADLINE = 3


def metrics_of(evidence: AnyEvidence) -> dict[str, Metric]:
    """Every figure by name, in the order of the reports."""
    return CLASS_METRICS if isinstance(evidence, Evidence) else evidence.metrics


def headline(evidence: AnyEvidence) -> tuple[str, ...]:
    """Names of the figures for a first look; the one that the verdict is about comes first."""
    if isinstance(evidence, Evidence):
        return ("auroc", "sensitivity", "specificity")
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
