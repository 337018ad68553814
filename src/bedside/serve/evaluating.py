"""A bundle meets a new site: clinical evaluation in the ward, with its own preprocessing and operating point."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.digest import Digest
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.data.cohort import Cohort
from bedside.data.units import units_of
from bedside.runtime.session import INPUT, OUTPUT
from bedside.serve.predicting import Predictor
from bedside.verify.averages import one_against_rest
from bedside.verify.calibration import ReliabilityBin, reliability
from bedside.verify.checking import check_labels
from bedside.verify.clusters import unit_index
from bedside.verify.comparison import Outputs
from bedside.verify.diagnostics import Diagnostics, averages_of, diagnose
from bedside.verify.intervals import N_RESAMPLES
from bedside.verify.net_benefit import NetBenefit, decision_curve
from bedside.verify.resampling import unit_weights
from bedside.verify.subgroups import SubgroupReport, by_subgroup

SAME_COHORT = "this is the cohort that the model was made from: the figures are not external"
_BLOCK = 64
_CURVE_THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))

Tick = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCases:
    """Labels of a cohort in the order of a bundle's classes, with units and attributes."""

    labels: IntArray = field(repr=False)
    units: tuple[str, ...] = field(repr=False)
    cohort: Cohort


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteEvaluation:
    """What a bundle does on cases of another site.

    Parameters
    ----------
    bundle, content_digest, model
        What was evaluated.
    cohort_digest
        Of the cases it was evaluated on.
    diagnostics
        Of the class that is looked for against the rest, at the bundle's locked operating point.
    averages
        Macro and micro figures, where there are more than two classes.
    confusion
        ``[true][called]`` in the order of `classes`.
    """

    bundle: str
    content_digest: Digest
    model: str
    site: str
    source: str
    cohort_digest: Digest
    classes: tuple[str, ...]
    positive: str
    threshold_prob: float | None
    prevalence: float | None
    diagnostics: Diagnostics
    averages: dict[str, Estimate]
    reliability: tuple[ReliabilityBin, ...]
    decision_curve: tuple[NetBenefit, ...]
    subgroups: tuple[SubgroupReport, ...]
    confusion: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...]
    seed: int


def site_cases(cohort: Cohort, classes: Sequence[str]) -> SiteCases:
    """Match a cohort's labels to a bundle's classes by name.

    Raises
    ------
    InputError
        If a case has a label that the bundle does not know.
    """
    names = [cohort.task.classes[case.label] for case in cohort.cases]
    check_labels(names, classes, where=cohort.source)
    labels = np.array([list(classes).index(name) for name in names], np.int64)
    return SiteCases(labels=labels, units=tuple(units_of(cohort.cases)), cohort=cohort)


def outputs_of(predictor: Predictor, cohort: Cohort, tick: Tick = lambda done, total: None) -> Outputs:
    """Probabilities ``(n, K)`` and calls ``(n,)`` of every case, one image in memory at a time."""
    preprocess, point = predictor.bundle.manifest.preprocess, predictor.shipped.point
    rows: list[FloatArray] = []
    for i, case in enumerate(cohort.cases):
        rows.append(predictor.session.run({INPUT: preprocess.normalize(case.placed(preprocess))[None]})[OUTPUT])
        if i % _BLOCK == 0 or i + 1 == len(cohort.cases):
            tick(i + 1, len(cohort.cases))
    probabilities = point.probabilities(np.concatenate(rows))
    return Outputs(probabilities=probabilities, calls=point.calls(probabilities))


def evaluate_site(
    predictor: Predictor,
    cohort: Cohort,
    *,
    site: str = "",
    prevalence: float | None = None,
    by: Sequence[str] = (),
    seed: int = 0,
    tick: Tick = lambda done, total: None,
) -> SiteEvaluation:
    """Evaluate a loaded bundle on a cohort.

    Parameters
    ----------
    prevalence
        Also re-weight PPV and NPV to it.
    by
        Attributes whose groups are scored apart; columns of the cohort's ``metadata.csv``.

    Raises
    ------
    InputError
        For labels that the bundle does not know, a column that no case has, or a prevalence that is none; all of it is
        found before the first image is run.
    """
    task, manifest = predictor.bundle.manifest.task, predictor.bundle.manifest
    if not task.picks_one:
        raise InputError(
            f"{manifest.name} answers a task of {task.kind}", expected="a bundle that puts each case in one class",
            hint="see the figures of its own report",
        )  # fmt: skip
    cases = site_cases(cohort, task.classes)
    _check_wishes(cohort, prevalence, by)
    outputs = outputs_of(predictor, cohort, tick)
    index = unit_index(cases.units, len(cases.labels))
    weights = unit_weights(index, len(cases.labels), n_resamples=N_RESAMPLES, seed=seed)
    positive, called = cases.labels == task.positive, outputs.calls == task.positive
    probability = outputs.probabilities[:, task.positive]
    digest = cohort.digest()
    return SiteEvaluation(
        bundle=manifest.name,
        content_digest=manifest.content_digest,
        model=predictor.shipped.artifact.name,
        site=site or cohort.name,
        source=cohort.source,
        cohort_digest=digest,
        classes=task.classes,
        positive=task.positive_name,
        threshold_prob=predictor.shipped.point.threshold_prob,
        prevalence=prevalence,
        diagnostics=diagnose(positive, probability, called, units=index, weights=weights, prevalence=prevalence),
        averages={}
        if task.is_binary
        else averages_of(one_against_rest(cases.labels, task.n_classes), outputs.probabilities, index, weights),
        reliability=reliability(positive, probability, index),
        decision_curve=decision_curve(positive, probability, index, thresholds=_CURVE_THRESHOLDS),
        subgroups=tuple(
            by_subgroup(column, [c.attribute(column) for c in cohort.cases], positive, probability, called, units=index)
            for column in by
        ),
        confusion=_table(cases.labels, outputs.calls, task.n_classes),
        notes=(SAME_COHORT,) if digest == manifest.cohort_digest or cohort.name == manifest.cohort else (),
        seed=seed,
    )


def _check_wishes(cohort: Cohort, prevalence: float | None, by: Sequence[str]) -> None:
    if prevalence is not None and not 0 < prevalence < 1:
        raise InputError(f"a prevalence of {prevalence}", expected="between 0 and 1", hint="give 2 % as 0.02")
    have = sorted({column for case in cohort.cases for column, _ in case.attributes})
    for column in by:
        if column not in have:
            raise InputError(
                f"no case of {cohort.source} has the attribute {column!r}",
                expected="one of " + ", ".join(have) if have else "columns beside file and label in metadata.csv",
                hint="see --by",
            )


def _table(labels: IntArray, calls: IntArray, k: int) -> tuple[tuple[int, ...], ...]:
    counts = np.bincount(labels * k + calls, minlength=k * k).reshape(k, k)
    return tuple(tuple(row) for row in counts.tolist())


def loaded(paths: Sequence[Path], *, trusted: str | None, threads: int) -> list[Predictor]:
    """Open the bundles that are to stand side by side.

    Raises
    ------
    InputError
        For fewer than two, or bundles that do not answer one question: other classes, or another positive one.
    """
    if len(paths) < 2:
        raise InputError(
            f"{len(paths)} bundle to compare", expected="two or more", hint="name another, or evaluate one"
        )
    predictors = [Predictor.load(path, trusted=trusted, threads=threads) for path in paths]
    first = predictors[0].bundle.manifest.task
    for path, predictor in zip(paths[1:], predictors[1:], strict=True):
        task = predictor.bundle.manifest.task
        if sorted(task.classes) != sorted(first.classes) or task.positive_name != first.positive_name:
            raise InputError(
                f"{paths[0].name} and {path.name} answer different questions",
                expected=f"{', '.join(first.classes)}, looking for {first.positive_name}",
                hint=f"{path.name} knows {', '.join(task.classes)} and looks for {task.positive_name}",
            )
    return predictors
