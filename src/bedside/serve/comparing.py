"""Bundles side by side on the same cases, every pair tested, and corrected for their number."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bedside.base.digest import Digest
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.data.cohort import Cohort
from bedside.serve.evaluating import SiteCases, Tick, outputs_of, site_cases
from bedside.serve.predicting import Predictor
from bedside.verify.comparison import Comparison, Outputs, compare_models
from bedside.verify.diagnostics import Diagnostics, diagnose
from bedside.verify.intervals import N_RESAMPLES, resamples
from bedside.verify.noninferiority import auroc_of
from bedside.verify.resampling import weights_of
from bedside.verify.two_models import holm


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One bundle with its figures."""

    name: str
    model: str
    content_digest: Digest
    size_kib: float
    diagnostics: Diagnostics
    macro_auroc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two bundles, first less second; `p_auroc_holm` and `p_calls_holm` are corrected over all pairs."""

    first: str
    second: str
    comparison: Comparison
    p_auroc_holm: float
    p_calls_holm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """Every bundle and every pair on one set of cases."""

    source: str
    cohort_digest: Digest
    n_cases: int
    n_patients: int
    margin: float
    contestants: tuple[Contestant, ...]
    pairs: tuple[Pair, ...]
    seed: int

    def metrics(self, name: str) -> list[Estimate]:
        """One figure of every bundle, in order."""
        return [contestant.diagnostics.metrics[name] for contestant in self.contestants]


def compare_bundles(
    predictors: Sequence[Predictor],
    names: Sequence[str],
    cohort: Cohort,
    *,
    margin: float,
    seed: int = 0,
    tick: Tick = lambda done, total: None,
) -> SideBySide:
    """Run every bundle on the same cases and test every pair: DeLong, McNemar, both verdicts, Holm over pairs.

    Parameters
    ----------
    predictors, names
        Bundles that answer one question (see `bedside.serve.evaluating.loaded`); classes may stand in another order.
    """
    task = predictors[0].bundle.manifest.task
    cases = site_cases(cohort, task.classes)
    done = len(cohort.cases)
    outputs = [
        _in_order(
            outputs_of(p, cohort, lambda i, n, k=k: tick(k * done + i, len(predictors) * n)),
            p.bundle.manifest.task,
            task,
        )
        for k, p in enumerate(predictors)
    ]
    draws = resamples(cases.units, n_resamples=N_RESAMPLES, seed=seed)
    found = [
        compare_models(task, cases.labels, outputs[i], outputs[j], margin=margin, units=cases.units, draws=draws)
        for i, j in combinations(range(len(outputs)), 2)
    ]
    p_auroc, p_calls = (holm([getattr(c, kind).p_value for c in found]) for kind in ("auroc", "calls"))
    pairs = tuple(
        Pair(first=names[i], second=names[j], comparison=c, p_auroc_holm=one, p_calls_holm=two)
        for (i, j), c, one, two in zip(combinations(range(len(outputs)), 2), found, p_auroc, p_calls, strict=True)
    )
    weights = weights_of(draws, len(cases.labels))
    return SideBySide(
        source=cohort.source,
        cohort_digest=cohort.digest(),
        n_cases=len(cases.labels),
        n_patients=len(set(cases.units)),
        margin=margin,
        contestants=tuple(
            _contestant(name, predictor, task, cases, found, weights)
            for name, predictor, found in zip(names, predictors, outputs, strict=True)
        ),
        pairs=pairs,
        seed=seed,
    )


def _in_order(outputs: Outputs, own: Task, wanted: Task) -> Outputs:
    """The outputs with classes in the wanted order."""
    column_of = [own.classes.index(name) for name in wanted.classes]
    return Outputs(probabilities=outputs.probabilities[:, column_of], calls=np.argsort(column_of)[outputs.calls])


def _contestant(
    name: str, predictor: Predictor, task: Task, cases: SiteCases, outputs: Outputs, weights: np.ndarray
) -> Contestant:
    positive = cases.labels == task.positive
    return Contestant(
        name=name,
        model=predictor.shipped.artifact.name,
        content_digest=predictor.bundle.manifest.content_digest,
        size_kib=predictor.shipped.artifact.size_bytes / 1024,
        diagnostics=diagnose(
            positive,
            outputs.probabilities[:, task.positive],
            outputs.calls == task.positive,
            units=cases.units,
            weights=weights,
        ),
        macro_auroc=auroc_of(task, cases.labels, outputs.probabilities),
    )
