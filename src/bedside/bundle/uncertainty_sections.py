"""When the model should not answer alone, and whether its probabilities are worth acting on."""

from bedside.base.estimate import Estimate
from bedside.bundle.report_data import ReportData
from bedside.bundle.section import Section
from bedside.bundle.uncertainty_figures import coverage_figure, risk_figure
from bedside.bundle.usefulness_figures import decision_figure, reliability_figure
from bedside.bundle.wording import percent, three_decimals
from bedside.verify.usefulness import THRESHOLDS


def with_percents(estimate: Estimate) -> str:
    """Write a share and its interval as percentages."""
    if estimate.value != estimate.value:
        return percent(estimate.value)
    return f"{percent(estimate.value)} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def abstention_section(data: ReportData) -> Section | None:
    """Coverage of the prediction sets, and what referring the unsure cases would buy."""
    found = data.abstention
    if found is None:
        return None
    referral = [
        {
            "bound": percent(rule.max_error_frac),
            "least": "none" if rule.least_confidence is None else three_decimals(rule.least_confidence),
            "answered": with_percents(outcome.answered_frac),
            "error": with_percents(outcome.error_frac)
            if rule.least_confidence is not None
            else "every case is referred",
            "holds": outcome.holds,
        }
        for rule, outcome in zip(found.rule.selective, found.outcomes, strict=True)
    ]
    classes = [
        {"name": name, "coverage": with_percents(found.coverage.by_class[k]), "n_tuning": found.rule.sets.n_tuning[k]}
        for k, name in enumerate(data.task.classes)
    ]
    return Section(
        anchor="abstention",
        title="When it should not answer alone: prediction sets and referral",
        short="Referral",
        template="section_abstention.html.j2",
        view={
            "found": found,
            "promised": percent(found.rule.sets.coverage_frac),
            "coverage": with_percents(found.coverage.coverage),
            "single": with_percents(found.coverage.single_frac),
            "classes": classes,
            "referral": referral,
            "all": with_percents(found.outcomes[0].error_if_all_answered_frac),
        },
        figures=(risk_figure(found), coverage_figure(found, data.task)),
        numbers=found,
        warnings=_broken(data),
        starts_page=True,
    )


def _broken(data: ReportData) -> tuple[str, ...]:
    found = data.abstention
    if found is None or found.coverage.holds:
        return ()
    return (
        f"Prediction sets that should hold the truth in {percent(found.rule.sets.coverage_frac)} of the cases do so in "
        f"{with_percents(found.coverage.coverage)} of the test: test cases differ from those of tuning.",
    )


def usefulness_section(data: ReportData) -> Section | None:
    """Decision curve and reliability of both models."""
    found = data.usefulness
    if found is None:
        return None
    good = found.beats_both()
    return Section(
        anchor="usefulness",
        title="Are the probabilities worth acting on?",
        short="Usefulness",
        template="section_usefulness.html.j2",
        view={"found": found, "good": good, "prevalence": percent(found.prevalence_frac), "span": _spans(good)},
        figures=(decision_figure(found), reliability_figure(found)),
        numbers=found,
    )


def _spans(good: tuple[float, ...]) -> str:
    """Write neighbouring thresholds as one span."""
    spans: list[list[float]] = []
    for threshold in good:
        at = THRESHOLDS.index(threshold)
        if spans and spans[-1][1] == THRESHOLDS[at - 1]:
            spans[-1][1] = threshold
        else:
            spans.append([threshold, threshold])
    return ", ".join(f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in spans)
