"""Clips are run frame by frame: a model file is one step, and what it remembers is carried from frame to frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from bedside.base.arrays import FloatArray


class Step(Protocol):
    """A loaded step model. `n_state` numbers are carried; none where every frame stands for itself."""

    @property
    def n_state(self) -> int:
        """Numbers that are carried from frame to frame."""
        ...

    def step(self, image: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Take a frame ``(1, C, H, W)`` and a state ``(1, S)``; return logits ``(1, K)`` and a state ``(1, S)``."""
        ...


@dataclass(slots=True)
class Stream:
    """One clip that is being watched: it holds the state, the sum of the answers and their number, however long it is.

    What a model says of a clip so far is the mean of its logits over the frames so far, so that the last answer of a
    stream is the answer to the clip.

    Examples
    --------
    >>> class Counts:
    ...     n_state = 1
    ...     def step(self, image, state):
    ...         return np.array([[float(image.mean()), 0.0]]), state + 1
    >>> stream = Stream(Counts())
    >>> [stream.push(np.full((1, 2, 2), value))[0].item() for value in (1.0, 3.0)]
    [1.0, 2.0]
    >>> stream.state.tolist(), stream.n_frames
    ([[2.0]], 2)
    """

    source: Step
    state: FloatArray = field(init=False, repr=False)
    total: FloatArray | None = field(init=False, repr=False, default=None)
    n_frames: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the clip: the next frame is the first of another one."""
        self.state = np.zeros((1, self.source.n_state), np.float32)
        self.total, self.n_frames = None, 0

    def push(self, image: FloatArray) -> FloatArray:
        """Take the next preprocessed frame, ``(C, H, W)`` float32; return the logits of the clip so far, ``(K,)``."""
        logits, self.state = self.source.step(np.ascontiguousarray(image[None], np.float32), self.state)
        answer = logits[0].astype(np.float64)
        total = answer if self.total is None else self.total + answer
        self.total = total
        self.n_frames += 1
        return (total / self.n_frames).astype(np.float32)


@dataclass(frozen=True, slots=True)
class SteppedSession:
    """A `Session` over a step model: ``run({"image": (N, T, C, H, W)})`` streams each clip from its first frame on."""

    source: Step

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the clips one by one: ``{"logits": (N, K)}``."""
        stream, rows = Stream(self.source), []
        for clip in inputs["image"]:
            stream.reset()
            rows.append([stream.push(frame) for frame in clip][-1])
        return {"logits": np.stack(rows)}
