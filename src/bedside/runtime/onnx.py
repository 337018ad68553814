"""ONNX Runtime (``.onnx``): the only file that knows onnxruntime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.seam import Requirement
from bedside.runtime.artifact import Artifact
from bedside.runtime.session import Session
from bedside.runtime.stepping import SteppedSession


class _OrtSession(Protocol):
    """The part of onnxruntime.InferenceSession that we use."""

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, FloatArray]) -> Sequence[FloatArray]: ...


@dataclass(frozen=True, slots=True)
class OnnxSession:
    """A `Session` over ONNX Runtime; the file is made for batch 1."""

    ort: _OrtSession

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the images one by one."""
        images = np.ascontiguousarray(inputs["image"], np.float32)
        rows = [self.ort.run(["logits"], {"image": images[i : i + 1]})[0] for i in range(len(images))]
        return {"logits": np.concatenate(rows)}


@dataclass(frozen=True, slots=True)
class OnnxStep:
    """A `Step` over ONNX Runtime: a frame, and a state where the model carries one."""

    ort: _OrtSession
    n_state: int

    def step(self, image: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Run one frame."""
        if not self.n_state:
            return self.ort.run(["logits"], {"image": image})[0], state
        logits, state = self.ort.run(["logits", "next_state"], {"image": image, "state": state})
        return logits, state


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """The adapter."""

    requires: tuple[Requirement, ...] = (Requirement("onnxruntime", "onnxruntime"),)

    def version(self) -> str:
        """Version of the installed runtime."""
        return version("onnxruntime")

    def open(self, path: Path, artifact: Artifact, threads: int) -> Session:
        """Load the file with `threads` intra-op threads."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            loaded: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own classes, which share no base but Exception
            raise RuntimeError(str(error)) from error
        shapes = {entry.name: tuple(entry.shape) for entry in loaded.get_inputs()}
        if shapes["image"] != (1, *artifact.spec.step_shape):
            raise ValueError(f"its input is {shapes['image']}, expected {(1, *artifact.spec.step_shape)}")
        if artifact.spec.n_frames is not None:
            return SteppedSession(OnnxStep(loaded, int(shapes.get("state", (1, 0))[1])))
        return OnnxSession(loaded)


ONNX = OnnxRuntime()
