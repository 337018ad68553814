"""The sealed test, opened once: what the shipped bytes do on the shipped runtime."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.base.jsonform import OMIT_DEFAULT
from bedside.base.task import Task
from bedside.verify.averages import one_against_rest
from bedside.verify.clusters import unit_index
from bedside.verify.comparison import Comparison, Outputs, compare_models
from bedside.verify.diagnostics import Diagnostics, averages_of, diagnose
from bedside.verify.intervals import resamples, wilson
from bedside.verify.noninferiority import NonInferiority, compare_aurocs
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.resampling import weights_of
from bedside.verify.score import Score, score


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Clinical evaluation of the shipped model, beside the reference, on the sealed test.

    Parameters
    ----------
    flips_frac
        Share of test cases whose call differs between the int8 file and its own fp32 file at the locked threshold.
    reason
        Why the seal was broken.
    details
        Every figure of the positive class against the rest, of "shipped" and "reference".
    averages
        Macro and micro figures of the shipped model, where there are more than two classes.
    comparison
        DeLong's and McNemar's tests of shipped against reference, and the verdict on equivalence.
    primary
        Name of the figure that the verdict is about.
    """

    shipped: Score
    reference: Score
    non_inferiority: NonInferiority
    flips_frac: Estimate
    n_cases: int
    n_patients: int
    reason: str
    seed: int
    details: dict[str, Diagnostics] = field(default_factory=dict)
    averages: dict[str, Estimate] = field(default_factory=dict)
    comparison: Comparison | None = None
    primary: str = field(default="auroc", metadata=OMIT_DEFAULT)


def evaluate(
    task: Task,
    labels: IntArray,
    units: Sequence[str],
    *,
    shipped: tuple[FloatArray, OperatingPoint],
    reference: tuple[FloatArray, OperatingPoint],
    own_fp32: FloatArray,
    margin: float,
    reason: str,
    seed: int,
) -> Evidence:
    """Score shipped model and reference on the same cases and compare them.

    Parameters
    ----------
    shipped, reference
        Logits ``(n, K)`` and the operating point that was locked on tuning.
    own_fp32
        Logits of the shipped model's own fp32 file.
    """
    draws, n_units = resamples(units, seed=seed), len(set(units))
    both = [score(task, labels, logits, point, units=units, draws=draws) for logits, point in (shipped, reference)]
    point = shipped[1]
    outputs = [
        Outputs(probabilities=p.probabilities(logits), calls=p.calls(p.probabilities(logits)))
        for logits, p in (shipped, reference)
    ]
    flips = outputs[0].calls != point.calls(point.probabilities(own_fp32))
    weights, index = weights_of(draws, len(labels)), unit_index(units, len(labels))
    truth = one_against_rest(labels, task.n_classes)
    return Evidence(
        shipped=both[0],
        reference=both[1],
        non_inferiority=compare_aurocs(
            task,
            labels,
            outputs[0].probabilities,
            outputs[1].probabilities,
            margin=margin,
            draws=draws,
            n_patients=n_units,
            units=index,
        ),
        flips_frac=wilson(int(flips.sum()), len(flips), n_patients=n_units),
        n_cases=len(labels),
        n_patients=n_units,
        reason=reason,
        seed=seed,
        details={
            name: diagnose(
                labels == task.positive,
                found.probabilities[:, task.positive],
                found.calls == task.positive,
                units=index,
                weights=weights,
            )
            for name, found in zip(("shipped", "reference"), outputs, strict=True)
        },
        averages={} if task.is_binary else averages_of(truth, outputs[0].probabilities, index, weights),
        comparison=compare_models(task, labels, *outputs, units=index, margin=margin, draws=draws),
    )
