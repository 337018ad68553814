"""The figures of every report: the trials by size and latency; for classes ROC, reliability, confusion too."""

from bedside.bundle.curves import looked_at
from bedside.bundle.figure_tables import confusion_table, reliability_table, roc_table, trials_table
from bedside.bundle.figures import classes_shown, confusion_svg, reliability_svg, roc_curve_svg
from bedside.bundle.pareto import Cost, pareto_svg
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figure import ReportFigure
from bedside.verify.evidence import Evidence


def report_figures(data: ReportData) -> tuple[ReportFigure, ...]:
    """Draw them, each with the numbers behind it."""
    trials = (_pareto(data, "size"), _pareto(data, "latency"))
    evidence = data.evidence
    if not isinstance(evidence, Evidence):
        return trials
    return (_roc(data), _reliability(data), _confusion(data, evidence), *trials)


def _roc(data: ReportData) -> ReportFigure:
    task, both = data.task, (data.shipped_probabilities, data.reference_probabilities)
    threshold_prob = data.chosen.point.threshold_prob
    classes = [task.positive] if task.is_binary else classes_shown(task, data.labels)
    band = " The band is a pointwise 95 % bootstrap by case." if task.is_binary else ""
    return ReportFigure(
        name="roc",
        title="ROC curve",
        caption=f"ROC on the sealed test.{band}",
        svg=roc_curve_svg(task, data.labels, *both, threshold_prob=threshold_prob, seed=data.seed),
        table=roc_table(task, data.labels, *both, classes=classes),
    )


def _reliability(data: ReportData) -> ReportFigure:
    task = data.task
    kind = "probability of " + task.positive_name if task.is_binary else "probability of the class called"
    return ReportFigure(
        name="reliability",
        title="Reliability diagram",
        caption=f"Reliability on the sealed test: {kind}.",
        svg=reliability_svg(task, data.labels, data.shipped_probabilities),
        table=reliability_table(*looked_at(task, data.labels, data.shipped_probabilities)),
    )


def _confusion(data: ReportData, evidence: Evidence) -> ReportFigure:
    return ReportFigure(
        name="confusion",
        title="Confusion matrix",
        caption="Confusion on the sealed test: cases, and share of each row.",
        svg=confusion_svg(data.task, evidence.shipped.confusion),
        table=confusion_table(data.task, evidence.shipped.confusion),
    )


def _pareto(data: ReportData, cost: Cost) -> ReportFigure:
    trial = data.chosen
    whiskers = "95 % interval on tuning" + ("" if cost == "size" else ", and p50 to p90")
    svg = pareto_svg(
        data.trials,
        trial.name,
        data.budget,
        data.reference_profile,
        cost=cost,
        reference_score=trial.tuning_score.value - trial.non_inferiority.difference.value,
    )
    return ReportFigure(
        name=f"trials-by-{cost}",
        title=f"Trials by {cost}",
        caption=f"Trials by {cost}. Whiskers: {whiskers}.",
        svg=svg,
        table=trials_table(data.trials, trial.name, data.budget),
    )
