"""The first screen of the report: plain words and six numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bedside.base.estimate import Estimate
from bedside.bundle import report_rows, wording
from bedside.bundle.evidence_words import both, headline, in_sentence, metrics_of
from bedside.bundle.report_data import ReportData
from bedside.bundle.section import Section
from bedside.verify.evidence import Evidence

_COSTS = (
    ("size_kib", "Size", "KiB", "smaller", "larger"),
    ("latency_p50_ms", "Latency", "ms", "faster", "slower"),
    ("energy_mj", "Energy", "mJ", "less", "more"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainWords:
    """A question that everybody has, and its answer in sentences."""

    question: str
    answers: tuple[str, ...]
    is_warning: bool = False


def plain_words(data: ReportData) -> tuple[PlainWords, ...]:
    """Say how well the model does, what compression cost, and what the model must not be used for."""
    return (
        PlainWords(question="How well does it do?", answers=_how_well(data)),
        PlainWords(question="What did compression cost?", answers=_what_it_cost(data)),
        PlainWords(question="What must it not be used for?", answers=wording.forbidden_uses(data), is_warning=True),
    )


def _how_well(data: ReportData) -> tuple[str, ...]:
    task, evidence = data.task, data.evidence
    seen = (
        f"Seen on {wording.counted(evidence.n_cases, 'test case', 'test cases')} of "
        f"{wording.counted(evidence.n_patients, 'independent unit', 'independent units')}; ranges hold with 95 % "
        "confidence."
    )
    if not isinstance(evidence, Evidence):
        return (*evidence.plain, seen)
    shipped = evidence.shipped
    others = f"“{task.classes[1 - task.positive]}”" if task.is_binary else "other"
    found = _of_100(shipped.sensitivity)
    alarms = _of_100(_complement(shipped.specificity))
    right = _of_100(shipped.accuracy)
    return (
        f"Of 100 “{task.positive_name}” cases it finds {found}.",
        f"Of 100 {others} cases it calls {alarms} “{task.positive_name}” by mistake.",
        f"Of 100 test cases it calls {right} rightly.",
        seen,
    )


def _complement(estimate: Estimate) -> Estimate:
    if math.isnan(estimate.value):
        return estimate
    return Estimate(
        value=1 - estimate.value, low=1 - estimate.high, high=1 - estimate.low, n_patients=estimate.n_patients
    )


def _of_100(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "a number that this test cannot tell"
    value, low, high = (round(100 * min(max(x, 0.0), 1.0)) for x in (estimate.value, estimate.low, estimate.high))
    return f"about {value} ({low} to {high})"


def _what_it_cost(data: ReportData) -> tuple[str, ...]:
    changes = [_change(data, name) for name in headline(data.evidence)]
    sentences = [f"Against the reference {data.reference_name}: {', '.join(changes)}."]
    gains = [(report_rows.compared(data, key, less, more), name) for key, name, _, less, more in _COSTS]
    if any(gain for gain, _ in gains):
        sentences.append(f"In return it is {', '.join(_gain(gain, name) for gain, name in gains if gain)}.")
    if data.chosen.shipped.precision != "fp32":
        sentences.append(f"Storing it in fewer bits changed the {_answers(data)}.")
    if data.budget.limits():
        fits = "is over" if data.chosen.profile.excess(data.budget) else "fits"
        sentences.append(f"It {fits} the budget ({str(data.budget).replace('<=', '≤')}).")
    return tuple(sentences)


def _change(data: ReportData, name: str) -> str:
    metric, (reference, shipped) = metrics_of(data.evidence)[name], both(data.evidence, name)
    unit = f" {metric.unit}" if metric.unit else ""
    before, after = (wording.three_decimals(estimate.value) for estimate in (reference, shipped))
    return f"{in_sentence(metric.title)} from {before} to {after}{unit}"


def _answers(data: ReportData) -> str:
    flips = wording.percent(data.evidence.flips_frac.value)
    if isinstance(data.evidence, Evidence):
        return f"call of {flips} of the test cases"
    return f"answer to {flips} of {data.evidence.flips_of}"


def _gain(change: str, name: str) -> str:
    if change == "about the same":
        return f"about the same in {name.lower()}"
    return f"{change} energy" if name == "Energy" else change


def red_warnings(data: ReportData, sections: Sequence[Section]) -> tuple[str, ...]:
    """Collect what must be read before anything else, from the evidence and from every section."""
    found: list[str] = []
    auroc = data.evidence.shipped.auroc if isinstance(data.evidence, Evidence) else None
    if auroc is not None and not math.isnan(auroc.value) and auroc.value < 0.5:
        found.append(
            f"The shipped model tells the classes apart worse than a coin (AUROC {wording.with_interval(auroc)}): "
            "are the labels swapped?"
        )
    return (*found, *(warning for section in sections for warning in section.warnings))


def tiles(data: ReportData) -> list[dict[str, str]]:
    """Pick six numbers: three metrics with their intervals, three costs with their origin."""
    return [_metric_tile(data, name) for name in headline(data.evidence)] + [_cost_tile(data, *item) for item in _COSTS]


def _metric_tile(data: ReportData, name: str) -> dict[str, str]:
    metric, (other, estimate) = metrics_of(data.evidence)[name], both(data.evidence, name)
    interval = wording.with_interval(estimate).partition(" [")[2].rstrip("]").replace(", ", " to ")
    return {
        "name": metric.title,
        "value": wording.three_decimals(estimate.value),
        "unit": metric.unit,
        "note": interval,
        "beside": f"reference {wording.three_decimals(other.value)}",
    }


def _cost_tile(data: ReportData, key: str, name: str, unit: str, less: str, more: str) -> dict[str, str]:
    cost, other = getattr(data.chosen.profile, key), getattr(data.reference_profile, key)
    return {
        "name": f"{name}, {cost.origin}",
        "value": wording.three_digits(cost.value),
        "unit": unit,
        "note": report_rows.compared(data, key, less, more),
        "beside": f"reference {wording.three_digits(other.value)}",
    }
