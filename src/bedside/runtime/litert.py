"""LiteRT (``.tflite``): the only file that knows ai-edge-litert."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.quiet import quiet
from bedside.base.seam import Requirement
from bedside.runtime.artifact import Artifact
from bedside.runtime.features import LastFeatures
from bedside.runtime.litert_features import last_features_of
from bedside.runtime.session import Session
from bedside.runtime.stepping import SteppedSession


class _Interpreter(Protocol):
    """The part of ai_edge_litert's interpreter that we use."""

    def allocate_tensors(self) -> None: ...
    def get_input_details(self) -> list[dict[str, Any]]: ...
    def get_output_details(self) -> list[dict[str, Any]]: ...
    def set_tensor(self, tensor_index: int, value: np.ndarray) -> None: ...
    def invoke(self) -> None: ...
    def get_tensor(self, tensor_index: int) -> np.ndarray: ...


@dataclass(frozen=True, slots=True)
class LiteRtSession:
    """A `Session` over one LiteRT interpreter with a float input of one image or volume, channels last.

    Outputs of four axes and more are maps; in the file they are channels last, as the input is.
    """

    interpreter: _Interpreter
    input_index: int
    output_index: int
    path: Path

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the images one by one: the file is made for batch 1."""
        images = np.ascontiguousarray(np.moveaxis(inputs["image"], 1, -1), np.float32)
        interpreter, rows = self.interpreter, []
        for i in range(len(images)):
            interpreter.set_tensor(self.input_index, images[i : i + 1])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(self.output_index))
        answers = rows[0] if len(rows) == 1 else np.concatenate(rows)
        return {"logits": np.ascontiguousarray(np.moveaxis(answers, -1, 1)) if answers.ndim >= 4 else answers}

    def last_features(self, image: FloatArray) -> LastFeatures:
        """Run one ``(C, H, W)`` image again, by LiteRT's own kernels, which leave what they compute in its place.

        The delegate that `run` uses shows nothing of what lies between input and output.
        """
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        with quiet(Path(os.devnull)):
            open_one: Any = Interpreter(
                model_path=str(self.path),
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            open_one.allocate_tensors()
        open_one.set_tensor(self.input_index, np.ascontiguousarray(image.transpose(1, 2, 0)[None], np.float32))
        open_one.invoke()
        return last_features_of(open_one)


@dataclass(frozen=True, slots=True)
class LiteRtStep:
    """A `Step` over one LiteRT interpreter: a frame, channels last, and a state where the model carries one."""

    interpreter: _Interpreter
    image_index: int
    state_index: int | None
    output_indices: tuple[int, ...]
    n_state: int

    def step(self, image: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Run one frame."""
        interpreter = self.interpreter
        interpreter.set_tensor(self.image_index, np.ascontiguousarray(image.transpose(0, 2, 3, 1)))
        if self.state_index is None:
            interpreter.invoke()
            return interpreter.get_tensor(self.output_indices[0]), state
        interpreter.set_tensor(self.state_index, state)
        interpreter.invoke()
        logits, state = (interpreter.get_tensor(index) for index in self.output_indices)
        return logits, state


def _step_of(interpreter: _Interpreter, entries: list[dict[str, Any]]) -> LiteRtStep:
    """The image is the input of rank 4, the state that of rank 2; logits come out first, then the state."""
    state = next((entry for entry in entries if len(entry["shape"]) == 2), None)
    return LiteRtStep(
        interpreter=interpreter,
        image_index=next(entry["index"] for entry in entries if len(entry["shape"]) == 4),
        state_index=None if state is None else state["index"],
        output_indices=tuple(found["index"] for found in interpreter.get_output_details()),
        n_state=0 if state is None else int(state["shape"][1]),
    )


@dataclass(frozen=True, slots=True)
class LiteRt:
    """The adapter."""

    requires: tuple[Requirement, ...] = (Requirement("ai_edge_litert", "ai-edge-litert"),)

    def version(self) -> str:
        """Version of the installed runtime."""
        return version("ai-edge-litert")

    def open(self, path: Path, artifact: Artifact, threads: int) -> Session:
        """Load the file and plan its memory."""
        from ai_edge_litert.interpreter import Interpreter

        with quiet(Path(os.devnull)):  # the C++ side announces its delegate; failures arrive as exceptions
            interpreter = Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
        entries, exit_ = interpreter.get_input_details(), interpreter.get_output_details()[0]
        entry = next((found for found in entries if len(found["shape"]) > 2), entries[0])
        one = artifact.spec.step_shape
        expected = (1, *one[1:], one[0])
        if tuple(entry["shape"]) != expected:
            raise ValueError(f"its input is {tuple(entry['shape'])}, expected {expected}")
        if artifact.spec.n_frames is not None:
            return SteppedSession(_step_of(interpreter, entries))
        return LiteRtSession(interpreter, entry["index"], exit_["index"], path)


LITERT = LiteRt()
