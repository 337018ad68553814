"""Evidence of findings that may be there together: figures by name, what was decided, and sentences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import n_distinct
from bedside.verify.judge import Truth
from bedside.verify.marks import UNKNOWN, LabelTest, compare_marks, diagnose_marks, has_both, mark_draws
from bedside.verify.measured import MeasuredEvidence, MeasuredScore, Metric
from bedside.verify.noninferiority import NonInferiority
from bedside.verify.proportions import share
from bedside.verify.resampling import Weights

PRIMARY = "macro_auroc"
AVERAGES = {
    "macro_auroc": "AUROC, mean of the findings",
    "micro_auroc": "AUROC, all findings at once",
    "macro_average_precision": "Average precision, mean of the findings",
    "micro_average_precision": "Average precision, all findings at once",
}
OF_FINDING = ("auroc", "average_precision", "sensitivity", "specificity", "ppv", "npv", "brier", "ece")
"""Figures kept of every finding, called ``auroc/NAME`` and so on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkScores:
    """What one model says: probabilities and calls, ``(n, K)`` each."""

    probabilities: FloatArray = field(repr=False)
    calls: IntArray = field(repr=False)


def scores_of(truth: Truth, scores: MarkScores, index: IntArray, weights: Weights) -> dict[str, Estimate]:
    """Averages, the share of known marks called rightly, then every figure of every finding."""
    marks, names = truth.targets, truth.task.classes
    found = diagnose_marks(
        marks, scores.probabilities, scores.calls, names, index=index, weights=weights,
        draws=mark_draws(marks, scores.probabilities, weights),
    )  # fmt: skip
    values = dict(found.averages)
    cells = np.repeat(index, marks.shape[1])
    values["marks_right"] = share((scores.calls == marks).ravel(), (marks != UNKNOWN).ravel(), cells)
    for name, diagnostics in found.labels.items():
        values |= {f"{figure}/{name}": diagnostics.metrics[figure] for figure in OF_FINDING if diagnostics.metrics}
    return values


def evidence_of(
    truth: Truth, own: MarkScores, other: MarkScores, *, values: Sequence[dict[str, Estimate]], flipped: BoolArray,
    judged: NonInferiority, index: IntArray, reason: str, seed: int,
) -> MeasuredEvidence:  # fmt: skip
    """Put together what both models came to; `values` are `scores_of` shipped model and reference.

    Parameters
    ----------
    flipped
        ``(n, K)``: calls of the shipped file that are not those of its own fp32 file.
    """
    marks, names = truth.targets, truth.task.classes
    tests = compare_marks(marks, own.probabilities, other.probabilities, names, index)
    differences = {f"auroc_difference/{name}": test.test.difference for name, test in tests.items()}
    flips = {f"flips/{name}": share(flipped[:, k], np.ones(len(marks), bool), index) for k, name in enumerate(names)}
    wrong = ((own.calls != marks) & (marks != UNKNOWN)).sum(axis=1)
    return MeasuredEvidence(
        primary=PRIMARY,
        metrics={
            **{name: Metric(title=title) for name, title in AVERAGES.items()},
            "marks_right": Metric(title="Known findings called rightly"),
            **{f"auroc/{name}": Metric(title=f"AUROC, {name}") for name in names if f"auroc/{name}" in values[0]},
        },
        shipped=MeasuredScore(values=values[0] | differences | flips),
        reference=MeasuredScore(values=values[1]),
        non_inferiority=judged,
        flips_frac=share(flipped.ravel(), np.ones(flipped.size, bool), np.repeat(index, marks.shape[1])),
        flips_of="calls (a finding of a case)",
        n_cases=len(marks),
        n_patients=n_distinct(index),
        reason=reason,
        seed=seed,
        plain=_plain(values[0], names, tests),
        conventions=_conventions(marks, names),
        per_case={"n_wrong": tuple(float(n) for n in wrong)},
        p_values={f"auroc_difference/{name}": test.p_holm for name, test in tests.items()},
    )


def _plain(values: dict[str, Estimate], names: Sequence[str], tests: dict[str, LabelTest]) -> tuple[str, ...]:
    found = {name: values[f"auroc/{name}"].value for name in names if f"auroc/{name}" in values}
    known = {name: area for name, area in found.items() if not math.isnan(area)}
    if not known:
        return ("The test shows no finding in one case and not in another: nothing can be ranked.",)
    area = values[PRIMARY]
    best, worst = max(known, key=lambda name: known[name]), min(known, key=lambda name: known[name])
    right = values["marks_right"]
    sentences = [
        f"Of 100 pairs of a case with a finding and one without, it ranks {_of_100(area)} rightly, on average over "
        f"{len(known)} findings.",
        f"Best at “{best}” ({100 * known[best]:.0f} of 100), worst at “{worst}” ({100 * known[worst]:.0f} of 100)."
        if len(known) > 1
        else "",
        f"Of 100 known findings it calls {_of_100(right)} rightly.",
        _tested(tests),
    ]
    return tuple(sentence for sentence in sentences if sentence)


def _of_100(estimate: Estimate) -> str:
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.value:.0f} ({low:.0f} to {high:.0f})"


def _tested(tests: dict[str, LabelTest]) -> str:
    apart = [name for name, test in tests.items() if test.p_holm < 0.05]
    if not tests:
        return ""
    if not apart:
        return f"No AUROC of the {len(tests)} findings differs from the reference's (DeLong, Holm, 5 %)."
    return f"From the reference's, the AUROC of {', '.join(apart)} differs (DeLong, Holm, 5 %)."


def _conventions(marks: IntArray, names: Sequence[str]) -> tuple[str, ...]:
    n_unknown = int((marks == UNKNOWN).sum())
    told = [
        f"{n_unknown:,} of {marks.size:,} marks are unknown and left out, finding by finding."
        if n_unknown
        else "Every mark is known.",
        "Thresholds and probabilities are of each finding's own, locked on tuning.",
    ]
    if single := [name for name, can in zip(names, has_both(marks), strict=True) if not can]:
        told.append(f"Never (or always) there in the test, and so out of the AUROCs: {', '.join(single)}.")
    return tuple(told)
