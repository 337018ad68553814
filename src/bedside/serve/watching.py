"""A clip is watched while it is recorded: frames come one by one, and each has an answer."""

from dataclasses import dataclass, field

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.errors import InputError
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import Session
from bedside.runtime.stepping import SteppedSession, Stream
from bedside.serve.predicting import Predictor
from bedside.verify.operating_point import OperatingPoint


@dataclass(slots=True)
class ClipSession:
    """One clip at a time; what is kept does not grow with it.

    Examples
    --------
    >>> watching = ClipSession.of(Predictor.load("lung-bundle"))  # doctest: +SKIP
    >>> for frame in probe:  # doctest: +SKIP
    ...     probabilities = watching.push(frame)
    """

    preprocess: Preprocess
    point: OperatingPoint
    stream: Stream = field(repr=False)

    @classmethod
    def of(cls, predictor: Predictor) -> "ClipSession":
        """Watch with a bundle's model, preprocessing and operating point.

        Raises
        ------
        InputError
            If the bundle's model is none of clips.
        """
        manifest = predictor.bundle.manifest
        return cls(manifest.preprocess, predictor.shipped.point, stream_of(predictor.session, manifest.name))

    @property
    def n_frames(self) -> int:
        """Frames seen since the clip began."""
        return self.stream.n_frames

    def push(self, frame: ByteArray) -> FloatArray:
        """Take the next frame, ``(H, W)`` or ``(H, W, 3)`` uint8; return the clip's probabilities so far, ``(K,)``."""
        logits = self.stream.push(self.preprocess.normalize(self.preprocess.geometry(frame)))
        return self.point.probabilities(logits[None])[0]

    def reset(self) -> None:
        """Begin another clip."""
        self.stream.reset()


def stream_of(session: Session, name: str = "the model") -> Stream:
    """Return a stream over a loaded clip model.

    Raises
    ------
    InputError
        If it is no clip model.
    """
    if not isinstance(session, SteppedSession):
        raise InputError(
            f"{name} is no model of clips: it cannot be run frame by frame",
            expected="a bundle made from a cohort of clips",
            hint="use Predictor.predict for single images",
        )
    return Stream(session.source)
