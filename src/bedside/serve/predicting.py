"""New images meet a bundle: read, preprocess, run, call."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.bundle.manifest import ShippedModel
from bedside.bundle.opening import Bundle, open_bundle
from bedside.runtime.session import INPUT, OUTPUT, Session, open_session
from bedside.verify.gate import AcceptanceGate

_BLOCK = 64
"""Images that wait for each other; the softmax and the gate of a block cost little more than those of one image."""

REFER = "refer"
"""What stands in the place of a class when the bundle's gate does not accept an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the model says of one image.

    Parameters
    ----------
    called
        Class that is called at the locked operating point, or ``refer``.
    is_positive
        None where the image is referred: neither yes nor no.
    refer
        Why the image is referred to a person, or an empty string.
    probabilities
        Of every class, temperature-scaled, in the order of `classes`.
    threshold_prob
        Of the class that is looked for; None with more than two classes.
    """

    file: str
    called: str
    is_positive: bool | None
    probabilities: tuple[float, ...]
    classes: tuple[str, ...]
    positive: str
    threshold_prob: float | None
    refer: str = ""

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
    gate: AcceptanceGate | None = field(default=None, repr=False)

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        format_: str | None = None,
        precision: str | None = None,
        trusted: str | None = None,
        threads: int = 1,
        use_gate: bool = True,
    ) -> "Predictor":
        """Open and check a bundle, and load its first model or the one of a format and precision.

        Without `use_gate` every image is judged, however odd; a bundle that has no gate judges every image too.
        """
        bundle = open_bundle(path, trusted=trusted)
        shipped = bundle.model(format_, precision)
        session = open_session(shipped.artifact, bundle.models_folder, threads=threads, check_digest=False)
        return cls(bundle, shipped, session, bundle.gate() if use_gate else None)

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
        block: list[_Waiting] = []
        for file in files:
            block.append(self._run(file))
            if len(block) == _BLOCK:
                yield from self._predictions(block)
                block = []
        if block:
            yield from self._predictions(block)

    def _run(self, file: Path | str) -> "_Waiting":
        preprocess = self.bundle.manifest.preprocess
        raw, spacing_mm = preprocess.read(file if isinstance(file, Path) else Path(file))
        placed = preprocess.geometry(raw, spacing_mm)
        image = preprocess.normalize(placed)
        return _Waiting(str(file), raw, placed, self.session.run({INPUT: image[None]})[OUTPUT])

    def _predictions(self, block: Sequence["_Waiting"]) -> Iterator[Prediction]:
        task, point = self.bundle.manifest.task, self.shipped.point
        probabilities = point.probabilities(np.concatenate([item.logits for item in block]))
        calls = point.calls(probabilities).tolist()
        for item, row, call, refer in zip(block, probabilities.tolist(), calls, self._reasons(block), strict=True):
            yield Prediction(
                file=item.file,
                called=REFER if refer else task.classes[call],
                is_positive=None if refer else call == task.positive,
                probabilities=tuple(row),
                classes=task.classes,
                positive=task.positive_name,
                threshold_prob=point.threshold_prob,
                refer=refer,
            )

    def _reasons(self, block: Sequence["_Waiting"]) -> list[str]:
        if self.gate is None:
            return [""] * len(block)
        return self.gate.reasons(np.stack([item.placed for item in block]), [item.raw for item in block])


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An image that has been run: as it was read, as the model sees it, and its logits."""

    file: str
    raw: ByteArray
    placed: ByteArray
    logits: FloatArray
