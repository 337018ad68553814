"""A cascade of two bundles is locked on tuning cases and judged on the test part, once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter_ns

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import INPUT, OUTPUT, Session
from bedside.serve.cascading import CascadeFile, identity_of
from bedside.serve.evaluating import SiteCases, Tick, site_cases
from bedside.serve.own_parts import parts_for
from bedside.serve.predicting import Predictor
from bedside.verify.cascade import fit_cascade, judge_cascade
from bedside.verify.operating_point import OperatingPoint

_N_WARMUP = 10
_N_BLOCK = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOutputs:
    """Calibrated probabilities ``(n, K)`` of a part and the time that each case took, ``(n,)``."""

    probabilities: FloatArray = field(repr=False)
    elapsed_ms: FloatArray = field(repr=False)


def timed_outputs(
    session: Session,
    preprocess: Preprocess,
    point: OperatingPoint,
    cases: Sequence[Case],
    tick: Tick = lambda done, total: None,
) -> TimedOutputs:
    """Run cases one by one, after warm-up runs; timed are placing, normalizing and running, not reading the file."""
    blank = np.zeros((1, *preprocess.spec.shape), np.float32)
    for _ in range(_N_WARMUP):
        session.run({INPUT: blank})
    rows, elapsed_ms = [], np.empty(len(cases))
    for i, case in enumerate(cases):
        image = case.image()
        begun_ns = perf_counter_ns()
        answer = session.run({INPUT: preprocess.normalize(preprocess.geometry(image))[None]})[OUTPUT]
        elapsed_ms[i] = (perf_counter_ns() - begun_ns) / 1e6
        rows.append(answer)
        if i % _N_BLOCK == 0 or i + 1 == len(cases):
            tick(i + 1, len(cases))
    return TimedOutputs(probabilities=point.probabilities(np.concatenate(rows)), elapsed_ms=elapsed_ms)


def fitted_cascade(
    pair: tuple[Predictor, Predictor],
    cohort: Cohort,
    *,
    margin: float,
    seed: int = 0,
    tick: Tick = lambda done, total: None,
) -> CascadeFile:
    """Lock the confidence on the tuning part, then judge the cascade on the test part, once.

    Parameters
    ----------
    seed
        Of the resamples, and of the split of a cohort that is not the bundles' own; see `parts_for`.

    Raises
    ------
    InputError
        For labels that the bundles do not know, and for a cohort that one of them was made from, but not as it is.
    """
    task = pair[1].bundle.manifest.task
    parts = parts_for([each.bundle for each in pair], cohort, seed=seed)
    cohort, split = parts.cohort, parts.split

    def run(cases: tuple[Case, ...]) -> tuple[SiteCases, list[TimedOutputs]]:
        return site_cases(replace(cohort, cases=cases), task.classes), [_timed(each, cases, tick) for each in pair]

    tuning, (one, two) = run(split.tuning)
    cascade = fit_cascade(
        task, tuning.labels, one.probabilities, two.probabilities, margin=margin, units=tuning.units, seed=seed
    )
    test, (one, two) = run(split.test.open(reason="the cascade, locked on tuning, against the large bundle alone"))
    judged = judge_cascade(
        cascade, task, test.labels, one.probabilities, two.probabilities,
        small_ms=one.elapsed_ms, large_ms=two.elapsed_ms, units=test.units, seed=seed,
    )  # fmt: skip
    (small_digest, small_model), (large_digest, large_model) = (identity_of(each) for each in pair)
    return CascadeFile(
        small=pair[0].bundle.manifest.name, large=pair[1].bundle.manifest.name, small_digest=small_digest,
        large_digest=large_digest, small_model=small_model, large_model=large_model, cascade=cascade,
        source=cohort.source, cohort_digest=cohort.digest(), split=split.how, n_test_cases=len(test.labels),
        n_test_patients=len(set(test.units)), judged=judged,
        notes=(parts.note,) if parts.note else (), seed=seed,
    )  # fmt: skip


def _timed(predictor: Predictor, cases: Sequence[Case], tick: Tick) -> TimedOutputs:
    return timed_outputs(predictor.session, predictor.bundle.manifest.preprocess, predictor.shipped.point, cases, tick)
