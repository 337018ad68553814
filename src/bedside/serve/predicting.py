"""New images meet a bundle: read, preprocess, run, call."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.bundle.manifest import ShippedModel
from bedside.bundle.opening import Bundle, open_bundle
from bedside.runtime.session import INPUT, OUTPUT, Session, open_session

_BLOCK = 256
"""Images that wait for their probabilities together; the softmax of a block costs what one would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the model says of one image.

    Parameters
    ----------
    called
        Class that is called at the locked operating point.
    probabilities
        Of every class, temperature-scaled, in the order of `classes`.
    threshold_prob
        Of the class that is looked for; None with more than two classes.
    """

    file: str
    called: str
    is_positive: bool
    probabilities: tuple[float, ...]
    classes: tuple[str, ...]
    positive: str
    threshold_prob: float | None

    @property
    def probability(self) -> float:
        """Probability of the class that is looked for."""
        return self.probabilities[self.classes.index(self.positive)]


@dataclass(frozen=True, slots=True)
class Predictor:
    """A bundle with one of its models loaded.

    Examples
    --------
    >>> predictor = Predictor.load("demo-bundle")  # doctest: +SKIP
    >>> predictor.predict(["chest.png"])[0].called  # doctest: +SKIP
    'pneumonia'
    """

    bundle: Bundle
    shipped: ShippedModel
    session: Session = field(repr=False)

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        format_: str | None = None,
        precision: str | None = None,
        trusted: str | None = None,
        threads: int = 1,
    ) -> "Predictor":
        """Open and check a bundle, and load its first model or the one of a format and precision."""
        bundle = open_bundle(path, trusted=trusted)
        shipped = bundle.model(format_, precision)
        session = open_session(shipped.artifact, bundle.models_folder, threads=threads, check_digest=False)
        return cls(bundle, shipped, session)

    def predict(self, files: Sequence[Path | str]) -> list[Prediction]:
        """Predict image files.

        Raises
        ------
        ImageError
            For the first file that cannot be read.
        """
        return list(self.stream(files))

    def stream(self, files: Iterable[Path | str]) -> Iterator[Prediction]:
        """Predict image files one after the other; memory stays flat however many there are."""
        names: list[str] = []
        rows: list[FloatArray] = []
        for file in files:
            names.append(str(file))
            rows.append(self._logits(file))
            if len(names) == _BLOCK:
                yield from self._predictions(names, np.concatenate(rows))
                names, rows = [], []
        if names:
            yield from self._predictions(names, np.concatenate(rows))

    def _logits(self, file: Path | str) -> FloatArray:
        image = self.bundle.manifest.preprocess.from_file(Path(file))
        return self.session.run({INPUT: image[None]})[OUTPUT]

    def _predictions(self, names: Sequence[str], outputs: FloatArray) -> Iterator[Prediction]:
        task, point = self.bundle.manifest.task, self.shipped.point
        probabilities = point.probabilities(outputs)
        calls = point.calls(probabilities).tolist()
        for name, row, call in zip(names, probabilities.tolist(), calls, strict=True):
            yield Prediction(
                file=name,
                called=task.classes[call],
                is_positive=call == task.positive,
                probabilities=tuple(row),
                classes=task.classes,
                positive=task.positive_name,
                threshold_prob=point.threshold_prob,
            )
