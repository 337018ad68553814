"""Two bundles in a row: the one of the small input first, the larger one only where the first is unsure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bedside.base.digest import Digest
from bedside.base.errors import InputError
from bedside.base.jsonform import read_json
from bedside.serve.evaluating import loaded
from bedside.serve.predicting import Predictor
from bedside.serve.prediction import Prediction
from bedside.verify.cascade import Cascade, CascadeJudgement


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
        have = identity_of(first), identity_of(second)
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


def identity_of(predictor: Predictor) -> tuple[Digest, str]:
    """Digest of a bundle and name of the model that is loaded from it: what a cascade is fitted for."""
    return predictor.bundle.manifest.content_digest, predictor.shipped.artifact.name
