"""Two bundles in a row: the one of the small input first, the larger one only where the first is unsure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.digest import Digest
from bedside.base.errors import InputError
from bedside.base.jsonform import read_json
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import INPUT, OUTPUT, Session
from bedside.serve.evaluating import SiteCases, Tick, loaded, site_cases
from bedside.serve.own_parts import parts_for
from bedside.serve.predicting import Predictor
from bedside.serve.prediction import Prediction
from bedside.verify.cascade import Cascade, CascadeJudgement, fit_cascade, judge_cascade
from bedside.verify.operating_point import OperatingPoint

_N_WARMUP = 10
_N_BLOCK = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeFile:
    """A cascade of two bundles, locked on tuning, with what it did on the test part.

    Parameters
    ----------
    small_digest, large_digest
        Content of the bundles it was fitted for; with others it is refused.
    judged
        On the test part; times are those of this machine, from an image's decoded pixels to the outputs.
    """

    small: str
    large: str
    small_digest: Digest
    large_digest: Digest
    small_model: str
    large_model: str
    cascade: Cascade
    source: str
    cohort_digest: Digest
    split: str
    n_test_cases: int
    n_test_patients: int
    judged: CascadeJudgement
    notes: tuple[str, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class CascadePredictor:
    """Two loaded bundles and the confidence at which the first one's answer stands.

    Examples
    --------
    >>> predictor = CascadePredictor.load("small", "large", "cascade.json")  # doctest: +SKIP
    >>> predictor.predict(["chest.png"])[0].called  # doctest: +SKIP
    'pneumonia'
    """

    small: Predictor
    large: Predictor
    cascade: Cascade = field(repr=False)
    verdict: str = "PASS"
    """Of the cascade on the test part, against the large bundle alone."""

    @classmethod
    def load(
        cls, small: Path | str, large: Path | str, cascade: Path | str, *, trusted: str | None = None, threads: int = 1
    ) -> "CascadePredictor":
        """Open and check both bundles and the file that `fitted_cascade` gave.

        Raises
        ------
        InputError
            If the file was fitted for other bundles.
        """
        first, second = cascade_pair(Path(small), Path(large), trusted=trusted, threads=threads)
        held = read_json(CascadeFile, Path(cascade))
        have = _identity(first), _identity(second)
        if have != ((held.small_digest, held.small_model), (held.large_digest, held.large_model)):
            raise InputError(
                f"{cascade} was fitted for other bundles", expected=f"{held.small} and {held.large}, unchanged",
                hint="fit it again: bedside cascade",
            )  # fmt: skip
        return cls(first, second, held.cascade, held.judged.non_inferiority.verdict)

    def predict(self, files: Sequence[Path | str]) -> list[Prediction]:
        """Predict image files."""
        return list(self.stream(files))

    def stream(self, files: Iterable[Path | str]) -> Iterator[Prediction]:
        """Predict one file after the other, each by the bundle whose answer stands, at its own operating point.

        What the small bundle's gate refers goes to the larger one, whose gate has the last word.
        """
        for file in files:
            found = self.small.predict([file])[0]
            sure = bool(self.cascade.stops(np.array([found.probabilities]))[0])
            if sure and not found.refer:
                yield replace(found, answered_by=self.small.bundle.manifest.name)
            else:
                yield replace(self.large.predict([file])[0], answered_by=self.large.bundle.manifest.name)


def cascade_pair(small: Path, large: Path, *, trusted: str | None, threads: int) -> tuple[Predictor, Predictor]:
    """Open two bundles that answer one question, with the classes in one order.

    Raises
    ------
    InputError
        If they do not, or do not put each image in one class, or the second one's input is not the larger.
    """
    first, second = loaded([small, large], trusted=trusted, threads=threads)
    one, two = first.bundle.manifest, second.bundle.manifest
    if not one.task.picks_one or one.task.classes != two.task.classes:
        raise InputError(
            f"a cascade of {one.name} ({one.task.kind}) and {two.name} ({two.task.kind})",
            expected="two bundles that put each image in one class, with the same classes in the same order",
            hint="make both from one cohort",
        )  # fmt: skip
    if any(held.spacing_mm or held.n_frames or held.depth_px for held in (one.preprocess, two.preprocess)):
        raise InputError(
            "a cascade of models of clips, of volumes or of one spacing", expected="two bundles of single images",
            hint="run such a bundle alone",
        )  # fmt: skip
    if np.prod(one.preprocess.spec.shape) >= np.prod(two.preprocess.spec.shape):
        raise InputError(
            f"{one.name} takes {one.preprocess.spec.shape}, {two.name} {two.preprocess.spec.shape}",
            expected="the bundle of the smaller input first", hint="bedside cascade SMALL LARGE SOURCE",
        )  # fmt: skip
    return first, second


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
    (small_digest, small_model), (large_digest, large_model) = (_identity(each) for each in pair)
    return CascadeFile(
        small=pair[0].bundle.manifest.name, large=pair[1].bundle.manifest.name, small_digest=small_digest,
        large_digest=large_digest, small_model=small_model, large_model=large_model, cascade=cascade,
        source=cohort.source, cohort_digest=cohort.digest(), split=split.how, n_test_cases=len(test.labels),
        n_test_patients=len(set(test.units)), judged=judged,
        notes=(parts.note,) if parts.note else (), seed=seed,
    )  # fmt: skip


def _timed(predictor: Predictor, cases: Sequence[Case], tick: Tick) -> TimedOutputs:
    return timed_outputs(predictor.session, predictor.bundle.manifest.preprocess, predictor.shipped.point, cases, tick)


def _identity(predictor: Predictor) -> tuple[Digest, str]:
    return predictor.bundle.manifest.content_digest, predictor.shipped.artifact.name
