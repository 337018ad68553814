"""Two models on the same cases: do they rank alike, are they right equally often, are they equivalent?"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.task import Task
from bedside.verify.clusters import Units, n_distinct, unit_index
from bedside.verify.delong import PairedTest, delong_test
from bedside.verify.equivalence import Equivalence, auroc_equivalence, judge_equivalence
from bedside.verify.intervals import N_RESAMPLES, resamples
from bedside.verify.noninferiority import NonInferiority, auroc_of, compare_aurocs, drawn_aurocs
from bedside.verify.resampling import weights_of
from bedside.verify.two_models import drawn_difference, mcnemar


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What one model says of the cases: probabilities ``(n, K)`` and the classes called ``(n,)``."""

    probabilities: FloatArray = field(repr=False)
    calls: IntArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """First model less second.

    Parameters
    ----------
    auroc
        DeLong's test; with more than two classes the paired bootstrap of the macro average.
    calls
        McNemar's test of being right at the locked operating points.
    equivalence
        TOST on the AUROC against the margin.
    non_inferiority
        Of the first, at 95 %; with more than two classes by the paired bootstrap.
    """

    auroc: PairedTest
    calls: PairedTest
    equivalence: Equivalence
    non_inferiority: NonInferiority


def compare_models(
    task: Task,
    labels: IntArray,
    first: Outputs,
    second: Outputs,
    *,
    margin: float,
    units: Units = None,
    draws: Sequence[IntArray] | None = None,
    seed: int = 0,
) -> Comparison:
    """Run every paired test on the same cases in the same order.

    Parameters
    ----------
    labels
        ``(n,)``.
    draws
        Rows of the bootstrap draws, if they were made before.
    """
    index = unit_index(units, len(labels))
    n_units = n_distinct(index)
    if draws is None:
        draws = resamples([str(unit) for unit in index.tolist()], n_resamples=N_RESAMPLES, seed=seed)
    if task.is_binary:
        k = task.positive
        ranked = labels == k, first.probabilities[:, k], second.probabilities[:, k]
        auroc = delong_test(*ranked, index)
        equivalence = auroc_equivalence(*ranked, margin=margin, units=index)
    else:
        weights = weights_of(draws, len(labels))
        one, two = (drawn_aurocs(task, labels, m.probabilities, weights) for m in (first, second))
        value = auroc_of(task, labels, first.probabilities) - auroc_of(task, labels, second.probabilities)
        auroc = drawn_difference(value, one - two, n_patients=n_units)
        equivalence = judge_equivalence(auroc.difference, margin)
    return Comparison(
        auroc=auroc,
        calls=mcnemar(first.calls == labels, second.calls == labels, index),
        equivalence=equivalence,
        non_inferiority=compare_aurocs(
            task,
            labels,
            first.probabilities,
            second.probabilities,
            margin=margin,
            draws=draws,
            n_patients=n_units,
            units=index,
        ),
    )
