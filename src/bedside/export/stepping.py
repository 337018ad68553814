"""What an exporter captures: the whole model, or of a clip model one step, with the inputs it will meet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import TraceError
from bedside.base.task import TensorSpec

if TYPE_CHECKING:
    from torch import nn

N_PAIRS = 256
"""Frames with their states, at most, on which the ranges of a step are observed."""

Inputs = tuple[FloatArray, ...]


@dataclass(frozen=True, slots=True)
class TorchStep:
    """A `Step` over any callable that maps a frame (and a state) to logits (and a state)."""

    call: Any
    n_state: int

    def step(self, image: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Run one frame, without gradients."""
        import torch

        with torch.no_grad():
            if not self.n_state:
                return self.call(torch.from_numpy(image)).numpy(), state
            logits, after = self.call(torch.from_numpy(image), torch.from_numpy(state))
        return logits.numpy(), after.numpy()


def n_state_of(model: "nn.Module") -> int:
    """Numbers that a clip network carries from frame to frame.

    Raises
    ------
    TraceError
        If the network is none that runs frame by frame.
    """
    if not hasattr(model, "step") or not hasattr(model, "n_state"):
        raise TraceError(
            f"the network {type(model).__name__} cannot be run frame by frame",
            expected="a `step` method and `n_state`, as bedside.train.clip_networks.ClipNetwork has them",
            hint="see docs/how-to/clips.md",
        )
    return int(model.n_state)  # type: ignore[arg-type]


def exportable(model: "nn.Module", spec: TensorSpec) -> "nn.Module":
    """The module to capture, in evaluation mode: the model itself, or one step of a clip model.

    Layers that were trained wide are captured in their thin form.
    """
    from bedside.train.reparam import thinned

    thin = thinned(model.eval())
    if spec.n_frames is None:
        return thin
    return _one_step(thin, n_state_of(thin)).eval()


def _one_step(network: Any, n_state: int) -> "nn.Module":
    from torch import Tensor, nn

    class FrameOnly(nn.Module):
        """Frame to logits."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Tensor) -> Tensor:
            return self.network.step(image, image)[0]

    class FrameAndState(nn.Module):
        """Frame and state to logits and state."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            return self.network.step(image, state)

    return FrameAndState() if n_state else FrameOnly()


def blank_inputs(model: "nn.Module", spec: TensorSpec) -> Inputs:
    """Zeros of the shapes that the exported module takes, batch 1."""
    image = np.zeros((1, *spec.step_shape), np.float32)
    n_state = 0 if spec.n_frames is None else n_state_of(model)
    return (image, np.zeros((1, n_state), np.float32)) if n_state else (image,)


def observed_inputs(model: "nn.Module", spec: TensorSpec, observed: FloatArray) -> list[Inputs]:
    """Inputs on which activation ranges are observed, batch 1 each.

    Of clips ``(n, T, C, H, W)`` they are frames with the states that the float model has when it meets them: clips are
    streamed through it, and of each some frames are kept, the numbers of which move on from clip to clip, so that the
    first frame's empty state and the last one's full state are both among them.
    """
    if spec.n_frames is None:
        return [(image[None],) for image in observed]
    n_state = n_state_of(model)
    step = TorchStep(exportable(model, spec), n_state)
    n_kept = min(spec.n_frames, max(1, N_PAIRS // len(observed)))
    found: list[Inputs] = []
    for i, clip in enumerate(observed):
        kept = {(i + j * spec.n_frames // n_kept) % spec.n_frames for j in range(n_kept)}
        found += _met(step, clip, kept)
    return found


def _met(step: TorchStep, clip: FloatArray, kept: set[int]) -> Sequence[Inputs]:
    """Stream one clip; keep what the step is given at the frames of `kept`."""
    state, found = np.zeros((1, step.n_state), np.float32), []
    for t, frame in enumerate(clip):
        image = np.ascontiguousarray(frame[None])
        if t in kept:
            found.append((image, state) if step.n_state else (image,))
        if step.n_state:
            state = step.step(image, state)[1]
    return found
