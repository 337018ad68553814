"""Bundles whose task is no classification meet a new site: their own figures, one bundle or several side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bedside.base.digest import Digest
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.data.cohort import Cohort
from bedside.data.spacings import spacings_of
from bedside.data.targets import targets_of
from bedside.data.units import units_of
from bedside.runtime.session import INPUT, OUTPUT
from bedside.serve.evaluating import SAME_COHORT
from bedside.serve.predicting import Predictor
from bedside.verify.judge import Answer, Truth, judge_of
from bedside.verify.measured import MeasuredEvidence, Metric
from bedside.verify.noninferiority import NonInferiority

Tick = Callable[[int, int], None]
REASON = "an evaluation on cases of another site"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteMeasures:
    """What a bundle does on cases of a site: figures by name, and what each name means."""

    bundle: str
    content_digest: Digest
    model: str
    site: str
    source: str
    cohort_digest: Digest
    classes: tuple[str, ...]
    metrics: dict[str, Metric]
    values: dict[str, Estimate]
    plain: tuple[str, ...]
    conventions: tuple[str, ...]
    n_cases: int
    n_patients: int
    notes: tuple[str, ...]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPair:
    """Two bundles on the same cases: first less second."""

    first: str
    second: str
    judged: NonInferiority


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSideBySide:
    """Every bundle and every pair on one set of cases."""

    contestants: tuple[SiteMeasures, ...]
    pairs: tuple[MeasuredPair, ...]
    margin: float


def measure_site(
    predictor: Predictor, cohort: Cohort, *, site: str = "", seed: int = 0, tick: Tick = lambda done, total: None
) -> SiteMeasures:
    """Evaluate a loaded bundle on a cohort.

    Raises
    ------
    InputError
        If the cohort answers another question than the bundle; found before the first case is run.
    """
    truth = _truth(predictor, cohort)
    answer = _answer(predictor, cohort, tick)
    return _measures(predictor, cohort, _judged(truth, answer, answer, 0.02, seed), site=site, seed=seed)


def compare_measured(
    predictors: Sequence[Predictor], names: Sequence[str], cohort: Cohort, *, margin: float, seed: int = 0,
    tick: Tick = lambda done, total: None,
) -> MeasuredSideBySide:  # fmt: skip
    """Run every bundle on the same cases and judge every pair on the figure that the task's verdicts are about."""
    truths = [_truth(predictor, cohort) for predictor in predictors]
    n = len(cohort.cases)
    answers = [
        _answer(predictor, cohort, lambda done, total, k=k: tick(k * n + done, len(predictors) * total))
        for k, predictor in enumerate(predictors)
    ]
    contestants = [
        _measures(predictor, cohort, _judged(truth, answer, answer, margin, seed), site=name, seed=seed)
        for predictor, truth, answer, name in zip(predictors, truths, answers, names, strict=True)
    ]
    pairs = [
        MeasuredPair(
            first=names[i], second=names[j],
            judged=_judged(truths[i], answers[i], answers[j], margin, seed).non_inferiority,
        )
        for i, j in combinations(range(len(predictors)), 2)
    ]  # fmt: skip
    return MeasuredSideBySide(contestants=tuple(contestants), pairs=tuple(pairs), margin=margin)


def _truth(predictor: Predictor, cohort: Cohort) -> Truth:
    manifest = predictor.bundle.manifest
    _check_question(manifest.task, cohort)
    targets = targets_of(cohort.cases, manifest.task, manifest.preprocess)
    spacings = spacings_of(cohort.cases, manifest.task, manifest.preprocess)
    return Truth(task=manifest.task, targets=targets, units=tuple(units_of(cohort.cases)), spacing_mm=spacings)


def _check_question(task: Task, cohort: Cohort) -> None:
    if cohort.task.kind != task.kind or cohort.task.classes != task.classes:
        raise InputError(
            f"{cohort.source} asks another question: {cohort.task.kind} of {', '.join(cohort.task.classes)}",
            expected=f"{task.kind} of {', '.join(task.classes)}",
            hint="give a cohort with the bundle's own names, in their order",
        )


def _answer(predictor: Predictor, cohort: Cohort, tick: Tick) -> Answer:
    preprocess, rows = predictor.bundle.manifest.preprocess, []
    for i, case in enumerate(cohort.cases):
        rows.append(predictor.session.run({INPUT: preprocess.normalize(case.placed(preprocess))[None]})[OUTPUT])
        tick(i + 1, len(cohort.cases))
    return Answer(outputs=np.concatenate(rows), point=predictor.shipped.point)


def _judged(truth: Truth, one: Answer, other: Answer, margin: float, seed: int) -> MeasuredEvidence:
    found = judge_of(truth.task).evaluate(
        truth, shipped=one, reference=other, own_fp32=one.outputs, margin=margin, reason=REASON, seed=seed
    )
    if not isinstance(found, MeasuredEvidence):
        raise InputError(
            f"a task of {truth.task.kind} is evaluated by class", expected="a task that is no classification",
            hint="see bedside.serve.evaluating",
        )  # fmt: skip
    return found


def _measures(predictor: Predictor, cohort: Cohort, found: MeasuredEvidence, *, site: str, seed: int) -> SiteMeasures:
    manifest, digest = predictor.bundle.manifest, cohort.digest()
    is_own = digest == manifest.cohort_digest or cohort.name == manifest.cohort
    return SiteMeasures(
        bundle=manifest.name, content_digest=manifest.content_digest, model=predictor.shipped.artifact.name,
        site=site or cohort.name, source=cohort.source, cohort_digest=digest, classes=manifest.task.classes,
        metrics=found.metrics, values=found.shipped.values, plain=found.plain, conventions=found.conventions,
        n_cases=found.n_cases, n_patients=found.n_patients, notes=(SAME_COHORT,) if is_own else (), seed=seed,
    )  # fmt: skip
